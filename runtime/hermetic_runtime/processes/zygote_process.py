"""The process of a zygote: told once what to serve, looked at, and ended. Linux only."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
from contextlib import suppress

from hermetic_runtime.errors import SandboxCrashed
from hermetic_runtime.processes.early_start import StartedProcess, start_process, take_started
from hermetic_runtime.processes.programs import LOG_BYTES
from hermetic_runtime.processes.untrusted_text import printable

TYPE_CHECKING = False  # without `typing`, which takes 2 ms to import
if TYPE_CHECKING:
    from hermetic_runtime.environments import Environment

_END_SECONDS = 2.0
_LOG_LINES = 5


class ZygoteProcess:
    """A process that is, or becomes, a zygote. `control` is the socket to it."""

    def __init__(self, started: StartedProcess | None = None) -> None:
        """Start one, and don't wait for it, unless one was `started`. Raises `SandboxCrashed`."""
        try:
            started = started or start_process()
        except OSError as error:
            raise SandboxCrashed(f"the zygote can't be started: {error.strerror}") from error
        self.control = socket.socket(fileno=started.control)
        self._log = started.log
        self._pid = started.pid
        self._pidfd = os.pidfd_open(self._pid)
        self._lock = threading.Lock()
        self._last_words: str | None = None

    def serve(self, environment: Environment) -> None:
        """Say, once, of what environment it is to fork guest processes."""
        with suppress(OSError):  # it has ended, which the first launch finds out
            self.control.send(environment.encode())

    def own_bytes(self) -> int:
        """Its memory, without what it maps from files, which the system may have in pages of any
        size; 0 when it has ended.
        """
        try:
            with open(f"/proc/{self._pid}/statm", "rb", buffering=0) as file:
                _, resident, shared, *_ = map(int, file.read(256).split())
        except (OSError, ValueError):
            return 0
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")

    def last_words(self) -> str:
        """The end of what it wrote to its log. Any thread may ask, after `close` as well."""
        with self._lock:
            return self._read_log() if self._last_words is None else self._last_words

    def _read_log(self) -> str:
        text = os.pread(self._log, LOG_BYTES, 0).decode("utf-8", "replace")
        return "\n".join(map(printable, text.strip().splitlines()[-_LOG_LINES:]))

    def close(self) -> None:
        """End it, and with it all that it forked."""
        self.control.close()
        if not _wait_readable(self._pidfd, _END_SECONDS):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        os.close(self._pidfd)
        with self._lock:
            self._last_words = self._read_log()
            os.close(self._log)

    def forget(self) -> None:
        """Let go of it in a forked process: it belongs to the parent."""
        self.control.close()
        os.close(self._pidfd)
        os.close(self._log)


def _wait_readable(descriptor: int, timeout: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(timeout * 1000))


def start_zygote(environment: Environment) -> ZygoteProcess:
    """A process that serves `environment`: the one started ahead, or a new one.

    Raises `SandboxCrashed`.
    """
    process = ZygoteProcess(take_started())
    process.serve(environment)
    return process
