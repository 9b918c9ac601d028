"""Clocks. A guest that is restored later goes on from where its own clocks were."""

from __future__ import annotations

import time


class Clock:
    """`wall_offset_ns` and `monotonic_offset_ns` are added to the host's clocks."""

    resolution_ns = 1000

    def __init__(self, wall_offset_ns: int = 0, monotonic_offset_ns: int | None = None) -> None:
        self.wall_offset_ns = wall_offset_ns
        self.monotonic_offset_ns = (
            -time.monotonic_ns() if monotonic_offset_ns is None else monotonic_offset_ns
        )

    def wall_ns(self) -> int:
        """Since 1970, in nanoseconds."""
        return time.time_ns() + self.wall_offset_ns

    def monotonic_ns(self) -> int:
        """Since the guest was made: when the host booted is none of its business."""
        return time.monotonic_ns() + self.monotonic_offset_ns

    def cpu_ns(self) -> int:
        """Processor time of the thread that runs the guest."""
        return time.thread_time_ns()
