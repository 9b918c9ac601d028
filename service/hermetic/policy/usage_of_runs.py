"""What a run is counted to have used."""

from __future__ import annotations

from collections.abc import Mapping

from hermetic.policy.spending import CPU_SECONDS, MEMORY_SECONDS, PACKAGE_BYTES, RUNS
from hermetic_runtime.limits import MIB
from hermetic_runtime.results import RunResult


def spent(result: RunResult, package_bytes: int = 0) -> Mapping[str, float]:
    """By the names of `hermetic.policy.spending`, all of them."""
    usage = result.usage
    return {
        CPU_SECONDS: usage.cpu_seconds,
        MEMORY_SECONDS: usage.peak_memory_bytes / MIB * usage.wall_seconds,
        RUNS: 1.0,
        PACKAGE_BYTES: float(package_bytes),
    }
