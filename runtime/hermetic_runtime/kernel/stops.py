"""What ends a guest from the host's side. The guest never sees these."""

from __future__ import annotations


class GuestStop(Exception):
    """Root of the reasons for which the host ends a guest in the middle of a call."""


class Exited(GuestStop):
    """The guest asked to end, with an exit status from 0 to 255."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Aborted(GuestStop):
    """The interpreter gave up: abort(), a failed assertion, a call that does not exist."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OutputExceeded(GuestStop):
    """More was written to stdout and stderr than the run may write."""


class DeadlineReached(GuestStop):
    """The guest waited, or ran, past the last moment that it had."""


class Cancelled(GuestStop):
    """Whoever asked for the run does not want it any more."""
