"""What ends a guest from the host's side. The guest itself never sees these."""

from __future__ import annotations


class GuestStop(Exception):
    """Root of what ends a guest in the middle of a host call."""


class Exited(GuestStop):
    """The guest asked to end, with an exit status from 0 to 255."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Aborted(GuestStop):
    """The guest gave up; `reason` is its own text, or ours about it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OutputExceeded(GuestStop):
    """The guest wrote more output than it may."""


class DeadlineReached(GuestStop):
    """The run's time is over."""


class Cancelled(GuestStop):
    """The host asked the run to end."""
