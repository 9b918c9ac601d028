"""A guest process that a zygote forked, and what a zygote says of it. Linux only.

A zygote that answers anything else than its protocol has is as good as lost.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
from contextlib import suppress

from hermetic_runtime.errors import NoMoreProcesses, SandboxCrashed
from hermetic_runtime.processes.fields import ProtocolError
from hermetic_runtime.processes.launching import ProcessEnd
from hermetic_runtime.processes.messages_from_guest import Failed
from hermetic_runtime.processes.passing import receive
from hermetic_runtime.processes.protocol import FrameDecoder, Message
from hermetic_runtime.processes.zygote_messages import FROM_ZYGOTE, Exited, Spawned

_RECORD_BYTES = 64 * 1024
LOAD_SECONDS = 60.0
"""How long a zygote may take to fork, which is long only when it has to load first."""


class ZygoteLost(Exception):
    """The zygote has ended, or says what no zygote says."""


class ZygoteSilent(SandboxCrashed):
    """The zygote does not answer. What it forked may be well."""

    def __init__(self) -> None:
        super().__init__(f"the zygote did not answer within {LOAD_SECONDS:.0f} seconds")


class ZygoteChild:
    """A guest process that the zygote forked."""

    def __init__(self, pid: int, pidfd: int, reports: socket.socket) -> None:
        self.pid = pid
        self._pidfd = pidfd
        self._reports = reports
        self._end: ProcessEnd | None = None
        self._lock = threading.Lock()

    def kill(self) -> None:
        with self._lock:
            if self._pidfd >= 0:
                with suppress(OSError):  # it has ended, or may not be ended by this process
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def wait(self, timeout: float) -> ProcessEnd | None:
        if self._end is None:
            with suppress(ZygoteLost, TimeoutError):
                message, descriptor = _receive(self._reports, timeout)
                _close(descriptor)
                if isinstance(message, Exited):
                    self._end = ProcessEnd(
                        message.status, message.cpu_seconds, message.peak_memory_bytes
                    )
        return self._end

    @property
    def closed(self) -> bool:
        return self._pidfd < 0

    def close(self) -> None:
        with self._lock:
            if self._pidfd >= 0:
                os.close(self._pidfd)
                self._pidfd = -1
        self._reports.close()


def receive_child(reports: socket.socket) -> ZygoteChild:
    """The answer to a request. Raises `ZygoteLost`, `ZygoteSilent`, and `SandboxCrashed` when
    there can be no more processes.
    """
    try:
        message, descriptor = _receive(reports, LOAD_SECONDS)
    except TimeoutError:
        raise ZygoteSilent from None
    match message:
        case Spawned(pid) if descriptor is not None and _is_pidfd_of(descriptor, pid):
            return ZygoteChild(pid, descriptor, reports)
        case Spawned() if descriptor is None:
            raise NoMoreProcesses(errno.EMFILE)
        case Failed():
            _close(descriptor)
            raise SandboxCrashed(message.message)
        case _:
            _close(descriptor)
            raise ZygoteLost


def _receive(reports: socket.socket, timeout: float) -> tuple[Message, int | None]:
    """A message and the descriptor beside it, if one is. Raises `ZygoteLost` and
    `TimeoutError`.
    """
    reports.settimeout(timeout)
    try:
        record, descriptors = receive(reports, _RECORD_BYTES, 1)
    except TimeoutError:
        raise
    except OSError:
        raise ZygoteLost from None
    descriptor = descriptors[0] if descriptors else None
    with suppress(ProtocolError):
        for message in FrameDecoder(FROM_ZYGOTE).feed(record):
            return message, descriptor
    _close(descriptor)
    raise ZygoteLost


def _is_pidfd_of(descriptor: int, pid: int) -> bool:
    """Whether it stands for that process, which is another one than this, or for one that
    has ended. Where there is no /proc, the zygote is believed (proc_pid_fdinfo(5)).
    """
    if pid == os.getpid():
        return False
    try:
        about = os.open(f"/proc/self/fdinfo/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        lines = os.read(about, 4096).split(b"\n")
    except OSError:
        return True
    finally:
        os.close(about)
    return b"Pid:\t%d" % pid in lines or b"Pid:\t-1" in lines


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
