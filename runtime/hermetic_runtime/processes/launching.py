"""Where guest processes come from, as those who watch over them see it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol


class ProcessEnd(NamedTuple):
    """How a process ended: its exit status, or minus the number of a signal."""

    status: int
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0


class LaunchedProcess(Protocol):
    """A process that was launched and may have ended. Not thread-safe, but for `kill`."""

    @property
    def pid(self) -> int: ...

    def kill(self) -> None:
        """Send SIGKILL, to this very process and no other, if it has not ended."""
        ...

    def wait(self, timeout: float) -> ProcessEnd | None:
        """How it ended; None if it has not after `timeout` seconds, or nobody can say."""
        ...

    def close(self) -> None:
        """Let go of what watches it, once it has ended."""
        ...


class SinceNow:
    """A `LaunchedProcess` that began something new: its end tells the processor time since."""

    def __init__(self, process: LaunchedProcess) -> None:
        self._process = process.process if isinstance(process, SinceNow) else process
        self._before = _cpu_seconds(process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def process(self) -> LaunchedProcess:
        return self._process

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float) -> ProcessEnd | None:
        end = self._process.wait(timeout)
        return end and end._replace(cpu_seconds=max(0.0, end.cpu_seconds - self._before))

    def close(self) -> None:
        self._process.close()


def _cpu_seconds(pid: int) -> float:
    """Of a whole process; 0 where the system does not say.

    The number of its clock is what clock_getcpuclockid(3) gives: the id inverted, and
    CPUCLOCK_SCHED (linux/posix-timers.h).
    """
    with suppress(OSError):
        return time.clock_gettime((~pid << 3) | 2)
    return 0.0


class Launcher(Protocol):
    """Starts guest processes of one prepared interpreter."""

    def launch(self, connect: Callable[[], socket.socket], *, alone: bool) -> LaunchedProcess:
        """Start a guest process that serves the socket which `connect` gives. What it begins with
        was sent there; when it is `alone` in that, no other process may read it.

        It is called again for another attempt: what was sent on the socket of one that failed
        may have been read. The sockets are closed here. Raises `SandboxCrashed`, and what
        `connect` does.
        """
        ...
