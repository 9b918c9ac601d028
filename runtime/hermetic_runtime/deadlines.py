"""Stopping a guest that runs in this process, where nobody can kill it.

At the wall or CPU limit the guest is first interrupted (KeyboardInterrupt), so that
its state stays usable; if it goes on, it is ended a little later by an epoch trap.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hermetic_runtime.bindings import Engine
from hermetic_runtime.kernel.stops import Cancelled, DeadlineReached
from hermetic_runtime.limits import Limits

TICK_SECONDS = 0.01
GRACE_SECONDS = 0.2


class EpochTicker:
    """Advances an engine's epoch while at least one guest of it runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._running = 0
        self._lock = threading.Lock()
        self._idle = threading.Event()

    def __enter__(self) -> EpochTicker:
        with self._lock:
            self._running += 1
            if self._running == 1:
                self._idle = threading.Event()
                threading.Thread(target=self._tick, args=(self._idle,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._running -= 1
            if self._running == 0:
                self._idle.set()

    def _tick(self, idle: threading.Event) -> None:
        while not idle.wait(TICK_SECONDS):
            self._engine.increment_epoch()


class RunDeadlines:
    """Wall and CPU limits of one run; made and checked in the thread that runs it.

    `reached` names the field of `Limits` that was passed, if one was.
    """

    def __init__(self, limits: Limits, interrupt: Callable[[], None]) -> None:
        self.reached: str | None = None
        self._interrupt = interrupt
        self._cancelled = False
        self._wall_end = time.monotonic() + limits.wall_seconds
        self._cpu_end = time.thread_time() + limits.cpu_seconds
        self._grace_end = 0.0
        self._timer = threading.Timer(limits.wall_seconds, self._expire, ("wall_seconds",))
        self._timer.daemon = True
        self._timer.start()

    @property
    def last_moment(self) -> float:
        """`time.monotonic()` at which even a guest that only waits is ended."""
        return self._wall_end + GRACE_SECONDS

    def _expire(self, limit: str) -> None:
        if self.reached is None:
            self.reached = limit
            self._grace_end = time.monotonic() + GRACE_SECONDS
            self._interrupt()

    def cancel(self) -> None:
        """End the guest at the next tick. Any thread may call this."""
        self._cancelled = True

    def check(self) -> bool:
        """True to go on. Raises the `GuestStop` that ends the guest."""
        if self._cancelled:
            raise Cancelled
        if self.reached is None and time.thread_time() >= self._cpu_end:
            self._expire("cpu_seconds")
        if self.reached is not None and time.monotonic() >= self._grace_end:
            raise DeadlineReached
        return True

    def end(self) -> None:
        self._timer.cancel()
