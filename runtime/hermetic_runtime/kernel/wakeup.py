"""The one place where a guest waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.stops import Cancelled, DeadlineReached


class Wakeup:
    """Blocks the guest's thread until something is ready, and lets other threads end that.

    `deadline` (`time.monotonic()` seconds, or None) ends every wait: nothing that a
    guest waits for lets it outlive its run.
    """

    def __init__(self) -> None:
        self.deadline: float | None = None
        self._changed = threading.Condition()
        self._interrupted = False
        self._cancelled = False

    def wait(self, ready: Callable[[], bool], timeout: float | None) -> bool:
        """True when `ready()` holds, False after `timeout` seconds (None: no timeout).

        Raises `Failure(EINTR)` once for each `interrupt`, `DeadlineReached` at the
        deadline and `Cancelled` after `cancel`.
        """
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while True:
                if self._cancelled:
                    raise Cancelled
                if self._interrupted:
                    self._interrupted = False
                    raise Failure(Errno.EINTR)
                if ready():
                    return True
                now = time.monotonic()
                if self.deadline is not None and now >= self.deadline:
                    raise DeadlineReached
                if end is not None and now >= end:
                    return False
                self._changed.wait(_earliest(now, end, self.deadline))

    def notify(self) -> None:
        """Something may be ready now."""
        with self._changed:
            self._changed.notify_all()

    def interrupt(self) -> None:
        """End the present wait, or the next, with EINTR."""
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def cancel(self) -> None:
        """End the present wait, and all later ones, and with them the guest."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget an interrupt that nothing waited for."""
        with self._changed:
            self._interrupted = False


def _earliest(now: float, *moments: float | None) -> float | None:
    ends = [moment for moment in moments if moment is not None]
    return max(0.0, min(ends) - now) if ends else None
