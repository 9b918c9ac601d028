"""When work in the background disturbs no run."""

from __future__ import annotations

import math
import os
import time

SETTLE_SECONDS = 0.002
"""So long after a run its answer has the processors for itself."""
LONG_RUN_SECONDS = 0.015
"""A run that takes longer is not waited for."""
PRESSED_SECONDS = 0.25
"""For so long after a run that found nothing ready for it, runs under way are not waited for:
they follow each other so closely that there might never be another moment."""
BUSY_SECONDS = 0.1
"""Runs follow each other if no more than so long passes between them."""


class QuietMoments:
    """What is known of the runs in this process: when they began, and when they ended.

    A run is waited for only if nothing began or ended since: one that lasts must not keep
    others from their spares, and with more of them than processors no moment is quiet.
    Not thread-safe.
    """

    def __init__(self) -> None:
        self._began = self._ended = self._missed = -math.inf
        self.under_way = 0
        """About how many runs: some are told of only when they end."""

    def run_began(self, *, found_ready: bool) -> None:
        self._began = time.monotonic()
        self.under_way += 1
        if not found_ready:
            self._missed = self._began

    def run_ended(self) -> None:
        self._ended = time.monotonic()
        self.under_way = max(0, self.under_way - 1)

    @property
    def runs_leave_a_processor(self) -> bool:
        """Whether fewer are under way than there are processors."""
        return self.under_way < (os.cpu_count() or 1)

    @property
    def is_busy(self) -> bool:
        """Whether runs come one after the other."""
        return self._idle_seconds < BUSY_SECONDS

    @property
    def is_pressed(self) -> bool:
        """Whether a run found nothing ready for it, a short time ago."""
        return time.monotonic() - self._missed < PRESSED_SECONDS

    @property
    def _has_run(self) -> bool:
        return self._began > self._ended

    @property
    def _idle_seconds(self) -> float:
        """Since a run began or ended."""
        return time.monotonic() - max(self._began, self._ended)

    def seconds_away(self) -> float:
        """How long it is until the next quiet moment, unless another run comes; 0 for now."""
        waits = self._has_run and not self.is_pressed
        return max(0.0, (LONG_RUN_SECONDS if waits else SETTLE_SECONDS) - self._idle_seconds)
