"""The one place where the guest waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.stops import Cancelled, DeadlineReached


class Wakeup:
    """Every blocking call of the guest waits here, so that every wait can be ended.

    One thread waits; any thread may call the other methods. `deadline` is a
    `time.monotonic()` in seconds, or None.
    """

    def __init__(self) -> None:
        self.deadline: float | None = None
        self._condition = threading.Condition()
        self._interrupted = False
        self._cancelled = False

    def wait(self, ready: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until `ready()`, for at most `timeout` seconds: True when it is ready.

        `ready` is asked again after each `notify`. Raises `Failure(EINTR)` once after
        `interrupt`, `DeadlineReached` when the deadline has passed, and `Cancelled`.
        """
        end = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            while True:
                if self._cancelled:
                    raise Cancelled
                if ready():
                    return True
                if self._interrupted:
                    self._interrupted = False
                    raise Failure(Errno.EINTR)
                now = time.monotonic()
                if self.deadline is not None and now >= self.deadline:
                    raise DeadlineReached
                if end is not None and now >= end:
                    return False
                self._condition.wait(self._pause(now, end))

    def _pause(self, now: float, end: float | None) -> float | None:
        moments = [moment for moment in (end, self.deadline) if moment is not None]
        return min(min(moments) - now, threading.TIMEOUT_MAX) if moments else None

    def notify(self) -> None:
        """Something changed that the guest may be waiting for."""
        with self._condition:
            self._condition.notify_all()

    def interrupt(self) -> None:
        """Make the present wait, or else the next, fail with EINTR."""
        with self._condition:
            self._interrupted = True
            self._condition.notify_all()

    def cancel(self) -> None:
        """Make the present wait and all that follow raise `Cancelled`."""
        with self._condition:
            self._cancelled = True
            self._condition.notify_all()

    def clear(self) -> None:
        """Forget an interrupt and a cancellation that came earlier."""
        with self._condition:
            self._interrupted = False
            self._cancelled = False
