"""What a run is counted to have used."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from hermetic.policy.spending import CPU_SECONDS, MEMORY_SECONDS, PACKAGE_BYTES, RUNS
from hermetic_runtime.limits import MIB
from hermetic_runtime.packages.kept_sets import set_bytes
from hermetic_runtime.results import RunResult


def spent(result: RunResult) -> Mapping[str, float]:
    """By the names of `hermetic.policy.spending`, all of them."""
    usage = result.usage
    return {
        CPU_SECONDS: usage.cpu_seconds,
        MEMORY_SECONDS: usage.peak_memory_bytes / MIB * usage.wall_seconds,
        RUNS: 1.0,
        PACKAGE_BYTES: float(_set_bytes(result.package_set)) if result.package_set else 0.0,
    }


_set_bytes = lru_cache(maxsize=512)(set_bytes)
"""Of a set by its name: sets never change."""
