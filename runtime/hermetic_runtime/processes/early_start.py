"""The process of a zygote, started before this one has imported what it takes to talk to it.

Loading its modules takes a zygote longer than anything else takes at the start of a program
that runs one guest. So it can be started before all else (`start_ahead`), and learns what to
serve when it is put to use. Nothing is imported here that starting it does not need: `socket`,
`signal` and `threading` alone take 10 ms. Linux only.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from hermetic_runtime.processes.programs import start_python

TYPE_CHECKING = False  # without `typing`, which takes 2 ms to import
if TYPE_CHECKING:
    import socket
else:
    import _socket as socket  # what is needed of `socket`, which takes 4 ms

_PROGRAM = "hermetic_runtime.processes.zygote"


class StartedProcess:
    """Its number, and our descriptors of the socket to it and of its log."""

    def __init__(self, pid: int, control: int, log: int) -> None:
        self.pid = pid
        self.control = control
        self.log = log


def start_process() -> StartedProcess:
    """Start a process that is to be a zygote, and don't wait for it. Raises `OSError`, and
    `SandboxCrashed` where no Python can be found.
    """
    control, remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    log = os.memfd_create("zygote-log")
    try:
        pid = start_python(_PROGRAM, str(os.getpid()), remote.fileno(), log)
    except BaseException:
        control.close()
        os.close(log)
        raise
    finally:
        remote.close()
    return StartedProcess(pid, control.detach(), log)


class _Ahead:
    """At most one process that was started ahead and is not in use yet."""

    def __init__(self) -> None:
        self._process: StartedProcess | None = None
        self._lock = allocate_lock()

    def start(self) -> None:
        with self._lock:
            self._process = self._process or start_process()

    def take(self) -> StartedProcess | None:
        with self._lock:
            process, self._process = self._process, None
        return process

    def forget(self) -> None:
        """In a forked process: it belongs to the parent."""
        if self._process is not None:
            os.close(self._process.control)
            os.close(self._process.log)
        self.__init__()


_ahead = _Ahead()
os.register_at_fork(after_in_child=_ahead.forget)


def take_started() -> StartedProcess | None:
    """The process that was started ahead, once."""
    return _ahead.take()


def start_ahead() -> None:
    """Start the process that the first launch will use. An error shows at that launch."""
    try:
        _ahead.start()
    except Exception:
        return
