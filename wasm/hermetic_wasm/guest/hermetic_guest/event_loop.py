"""Running code objects, with top-level `await`, and an asyncio that needs no sockets."""

import sys

from hermetic_guest.source import VALUE

_COROUTINE = 0x80
"""CO_COROUTINE, CPython Include/cpython/code.h."""
_runner = None


def execute(code, namespace):
    """Run a code object; return what its last expression left behind, or None."""
    try:
        if code.co_flags & _COROUTINE:
            _run_coroutine(eval(code, namespace))
        else:
            exec(code, namespace)
        return namespace.get(VALUE)
    finally:
        namespace.pop(VALUE, None)


def _run_coroutine(coroutine):
    """Every run of a sandbox awaits on one loop, so what it holds stays usable."""
    global _runner
    import asyncio

    if _runner is None:
        _runner = asyncio.Runner()
    _runner.run(_awaited(coroutine))


async def _awaited(coroutine):
    return await coroutine


def install():
    """Give asyncio a loop without a self-pipe, when and if it is imported."""
    sys.meta_path.insert(0, _AsyncioFinder)


class _AsyncioFinder:
    """Finds `asyncio.unix_events` once, to change its default loop as it is loaded."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "asyncio.unix_events":
            return None
        sys.meta_path.remove(cls)
        from importlib.util import find_spec

        spec = find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            _use_loop_without_sockets(module)

        spec.loader.exec_module = exec_module
        return spec


def _use_loop_without_sockets(unix_events):
    class EventLoop(unix_events._UnixSelectorEventLoop):
        """The guest has one thread, so nothing outside the loop ever has to wake it."""

        def _make_self_pipe(self):
            self._ssock = self._csock = None

        def _close_self_pipe(self):
            pass

        def add_signal_handler(self, sig, callback, *args):
            raise NotImplementedError("signal handlers are not available in this sandbox")

        def remove_signal_handler(self, sig):
            return False

        def close(self):
            self._signal_handlers.clear()
            super().close()

    EventLoop.__module__ = "asyncio"
    unix_events.SelectorEventLoop = EventLoop
    unix_events.EventLoop = EventLoop
    unix_events._UnixDefaultEventLoopPolicy._loop_factory = EventLoop
