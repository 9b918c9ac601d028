"""What time it is for the guest."""

from __future__ import annotations

import time


class Clock:
    """The host's clocks, each moved by an offset in nanoseconds.

    With offsets a restored guest's clocks go on where they stood.
    """

    resolution_ns = 1

    def __init__(
        self, *, wall_offset_ns: int = 0, monotonic_offset_ns: int = 0, cpu_offset_ns: int = 0
    ) -> None:
        self.wall_offset_ns = wall_offset_ns
        self.monotonic_offset_ns = monotonic_offset_ns
        self.cpu_offset_ns = cpu_offset_ns

    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01 00:00 UTC."""
        return time.time_ns() + self.wall_offset_ns

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary moment; never goes back."""
        return time.monotonic_ns() + self.monotonic_offset_ns

    def cpu_ns(self) -> int:
        """Processor time, in nanoseconds, of the calling thread, which is the guest's."""
        return time.thread_time_ns() + self.cpu_offset_ns

    def go_on_from(self, *, monotonic_ns: int, cpu_ns: int) -> None:
        """Let clocks that count go on from what a guest last saw of them."""
        self.monotonic_offset_ns += monotonic_ns - self.monotonic_ns()
        self.cpu_offset_ns += cpu_ns - self.cpu_ns()
