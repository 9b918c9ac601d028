"""The guest of a session, which is awake or on disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import DrivenRun, Isolation
from hermetic_runtime.errors import SandboxCrashed
from hermetic_runtime.input_source import InputSource
from hermetic_runtime.kernel.overlay import Change
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import RunRequest
from hermetic_runtime.sessions.live_guest import LiveGuest
from hermetic_runtime.sessions.on_disk import SessionOnDisk

_MORE_STARTS = 2
"""How many guests are started for one that is lost before it has taken the run."""


class WokenRun(NamedTuple):
    """A run, the guest that it was given to, what it changed in the workspace, and when it
    began, by `time.perf_counter`.
    """

    guest: LiveGuest
    driven: DrivenRun
    changes: Sequence[Change]
    began: float


class SleepingGuest:
    """Woken for a run, and asleep again when nothing has been run for a while.

    One thread at a time uses it, which holds the lock that was given; `cancel` may be called
    by any.
    """

    def __init__(self, disk: SessionOnDisk, isolation: Isolation, lock: threading.RLock) -> None:
        self._disk = disk
        self._isolation: Isolation = isolation
        self._lock = lock
        self._guest: LiveGuest | None = None
        self._cancels = 0
        self._idle: threading.Timer | None = None

    @property
    def is_awake(self) -> bool:
        return self._guest is not None

    def wake(self) -> LiveGuest:
        """Raises `SessionBaseMissing`, `SessionDamaged` and `SandboxCrashed`."""
        self._stop_waiting()
        for left in reversed(range(1 + _MORE_STARTS)):
            if self._guest is not None:
                break
            try:
                self._guest = LiveGuest(
                    self._disk.record, self._disk.workspace, self._disk.state, self._isolation
                )
            except SandboxCrashed:
                if not left:
                    raise
        assert self._guest is not None
        return self._guest

    def run(self, request: RunRequest, output: CapturedOutput, source: InputSource) -> WokenRun:
        """Raises as `wake` does. A `cancel` while the guest is woken counts."""
        cancels, guest = self._cancels, self.wake()
        began = time.perf_counter()
        for left in reversed(range(1 + _MORE_STARTS)):
            if self._cancels != cancels:
                guest.cancel()
            driven, changes = guest.run(request, output, source)
            was_cancelled = driven.report.outcome is Outcome.CANCELLED
            if driven.taken or was_cancelled or self._cancels != cancels or not left:
                return WokenRun(guest, driven, changes, began)
            # It was lost before the run reached it: what is on disk is what it was.
            self.sleep()
            guest = self.wake()
        raise AssertionError

    def cancel(self) -> None:
        """End the run under way."""
        self._cancels += 1
        guest = self._guest
        if guest is not None:
            guest.cancel()

    def sleep(self) -> None:
        """End the guest. What is to be kept has been kept after each run."""
        self._stop_waiting()
        guest, self._guest = self._guest, None
        if guest is not None:
            guest.close()

    def sleep_later(self, seconds: float) -> None:
        """Unless it is woken before."""
        if self._guest is not None:
            self._idle = threading.Timer(seconds, self._sleep_if_idle)
            self._idle.daemon = True
            self._idle.start()

    def _stop_waiting(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _sleep_if_idle(self) -> None:
        """In the thread of a timer, which another may have replaced while it waited here."""
        with self._lock:
            if self._idle is threading.current_thread():
                self.sleep()
