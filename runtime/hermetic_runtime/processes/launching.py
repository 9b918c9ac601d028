"""Where guest processes come from, as those who watch over them see it."""

from __future__ import annotations

import socket
from typing import NamedTuple, Protocol


class ProcessEnd(NamedTuple):
    """How a process ended: its exit status, or minus the number of a signal."""

    status: int
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0


class LaunchedProcess(Protocol):
    """A process that was launched and may have ended. Not thread-safe, but for `kill`."""

    pid: int

    def kill(self) -> None:
        """Send SIGKILL, to this very process and no other, if it has not ended."""
        ...

    def wait(self, timeout: float) -> ProcessEnd | None:
        """How it ended; None if it has not after `timeout` seconds, or nobody can say."""
        ...

    def close(self) -> None:
        """Let go of what watches it, once it has ended."""
        ...


class Launcher(Protocol):
    """Starts guest processes of one prepared interpreter."""

    def launch(self, guest_end: socket.socket) -> LaunchedProcess:
        """Start a guest process that serves `guest_end`; the caller closes its own copy.

        Raises `SandboxCrashed`.
        """
        ...
