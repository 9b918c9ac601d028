"""Clocks and random bytes."""

from __future__ import annotations

import time

from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.kernel import Kernel

HOUR_NS = 3600 * 10**9


def test_clocks_are_the_hosts_moved_by_an_offset() -> None:
    clock = Clock(wall_offset_ns=-HOUR_NS, monotonic_offset_ns=HOUR_NS)
    before = (time.time_ns(), time.monotonic_ns())
    found = (clock.wall_ns(), clock.monotonic_ns())
    after = (time.time_ns(), time.monotonic_ns())

    assert before[0] <= found[0] + HOUR_NS <= after[0]
    assert before[1] <= found[1] - HOUR_NS <= after[1]


def test_processor_time_passes_with_work() -> None:
    clock = Clock()
    before = clock.cpu_ns()
    sum(range(100_000))

    assert clock.cpu_ns() > before


def test_random_bytes_have_the_size_asked_for(kernel: Kernel) -> None:
    assert [len(kernel.random(size)) for size in (0, 1, 1000)] == [0, 1, 1000]
    assert kernel.random(16) != kernel.random(16)
