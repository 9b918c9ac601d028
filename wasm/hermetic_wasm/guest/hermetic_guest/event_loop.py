"""Running code objects, with top-level `await`, and an asyncio that needs no sockets."""

import os
import sys
import time

from hermetic_guest.source import VALUE

_COROUTINE = 0x80
"""CO_COROUTINE, CPython Include/cpython/code.h."""
_LONG = 3600
"""Seconds, as good as for ever: a run is over long before."""
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
    """Give asyncio a loop that needs no pair of sockets, when and if it is imported."""
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
    base = unix_events._UnixSelectorEventLoop
    make = _piped_loop if hasattr(os, "pipe") else _alone_loop
    loop = make(base)
    loop.__qualname__ = "EventLoop"
    loop.__module__ = "asyncio"
    unix_events.SelectorEventLoop = loop
    unix_events.EventLoop = loop
    unix_events._UnixDefaultEventLoopPolicy._loop_factory = loop


def _piped_loop(base):
    class EventLoop(base):
        """asyncio's own loop, woken through a pipe."""

        def _make_self_pipe(self):
            self._ssock, self._csock = map(_PipeEnd, os.pipe())
            self._internal_fds += 1
            self._add_reader(self._ssock.fileno(), self._read_from_self)

    return EventLoop


def _alone_loop(base):
    import selectors

    class Selector(selectors.DefaultSelector):
        """Sleeps where there is nothing to watch: this system has no poll of nothing."""

        def select(self, timeout=None):
            if self.get_map():
                return super().select(timeout)
            time.sleep(_LONG if timeout is None else max(timeout, 0))
            return []

    class EventLoop(base):
        """asyncio's own loop, where neither pipes nor threads are there to wake it."""

        def __init__(self, selector=None):
            super().__init__(selector or Selector())

        def _make_self_pipe(self):
            self._ssock = self._csock = None

        def _close_self_pipe(self):
            """There is none."""

    return EventLoop


class _PipeEnd:
    """As much of a socket as a loop needs of its own two."""

    def __init__(self, descriptor):
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor

    def fileno(self):
        return self._descriptor

    def recv(self, size):
        return os.read(self._descriptor, size)

    def send(self, data):
        return os.write(self._descriptor, data)

    def close(self):
        os.close(self._descriptor)
