"""How this package starts a Python of its own: the zygote, a guest process, or preparing."""

from __future__ import annotations

import fcntl
import os
import sys
from importlib.machinery import PathFinder

TYPE_CHECKING = False  # without `typing`, which takes 2 ms to import
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable
else:
    import _signal as signal  # what is needed of `signal`, which takes 5 ms

CONTROL_DESCRIPTOR = 3
"""Where a process that we start finds its socket."""

LOG_BYTES = 64 * 1024
"""The most that a zygote and its guest processes may write to a file: their log."""

_PACKAGES = ("hermetic_runtime", "hermetic_wasm", "wasmtime", "msgpack", "filelock")
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What a Python that is not in a system folder may need to start at all."""
_BLOCKED_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP)
_RESET_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGXCPU)
"""A process inherits what its parent ignores, and these must work."""


def start_python(module: str, argument: str, control: int, log: int) -> int:
    """Start a Python that calls `main(argument)` of a module of ours; its process id.

    It has no descriptor of this process but the socket `control`, as `CONTROL_DESCRIPTOR`, and
    `log`, as its stderr. The signals of a terminal wait until it calls `leave_terminal`.
    Raises OSError, and `SandboxCrashed` where no Python can be found.
    """
    command = isolated_python(module, argument)
    copies: list[int] = []
    try:
        copies.extend(map(_copied_above, (control, log)))
        return os.posix_spawn(
            command[0],
            command,
            _environment(),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, copies[1], 2),
                (os.POSIX_SPAWN_DUP2, copies[0], CONTROL_DESCRIPTOR),
            ],
            setsigmask=_BLOCKED_SIGNALS,
            setsigdef=_RESET_SIGNALS,
        )
    finally:
        for copy in copies:
            os.close(copy)


def leave_terminal() -> None:
    """In the new process: a session of its own, where no terminal sends signals."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.closerange(CONTROL_DESCRIPTOR + 1, os.sysconf("SC_OPEN_MAX"))


def _copied_above(descriptor: int) -> int:
    """A copy above those that the new process gets, so that none is overwritten."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, CONTROL_DESCRIPTOR + 1)


def isolated_python(module: str, *arguments: str) -> list[str]:
    """A command line that calls `main(*arguments)` of a module of ours.

    The new Python runs isolated (-I) and without site (-S): no PYTHONPATH, no user
    site, no .pth file, no current folder. It finds our packages where this process
    found them, and only after the standard library. Garbage collection is off until
    `main` puts it on, since loading makes hardly any. Raises `SandboxCrashed` where this
    process does not know its own Python.
    """
    if not sys.executable:
        from hermetic_runtime.errors import SandboxCrashed

        raise SandboxCrashed(
            "guest processes can't be started: sys.executable is empty",
            hint='isolation="shared" needs no other process.',
        )
    code = (
        f"import gc, sys; gc.disable(); sys.path += {_package_folders()!r}; "
        f"from {module} import main; main(*{arguments!r})"
    )
    no_bytecode = ["-B"] if sys.dont_write_bytecode else []
    return [sys.executable, "-I", "-S", "-X", "utf8", *no_bytecode, "-c", code]


def _environment() -> dict[str, str]:
    """Nothing of the caller's, but what finds shared libraries."""
    return {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}


def _package_folders() -> list[str]:
    folders = dict[str, None]()
    for package in _PACKAGES:
        for location in _locations(package):
            folders[os.path.dirname(os.path.abspath(location))] = None
    return list(folders)


def _locations(package: str) -> Iterable[str]:
    if package in sys.modules:
        return sys.modules[package].__path__
    spec = PathFinder.find_spec(package)
    if spec is None:
        from importlib.util import find_spec  # 3 ms, for finders of other kinds

        spec = find_spec(package)
    return (spec and spec.submodule_search_locations) or ()
