"""What a run uses up, as policy names it."""

from __future__ import annotations

from hermetic.policy.decisions import CounterKey

CPU_SECONDS = "cpu_seconds"
"""Processor time of runs, in seconds."""

MEMORY_SECONDS = "memory_seconds"
"""Peak linear memory of each run, in MiB, times its time on the clock, in seconds."""

RUNS = "runs"
"""Runs that ended, however they did."""

PACKAGE_BYTES = "package_bytes"
"""Bytes of the package sets that were installed for runs."""

SPENDS = (CPU_SECONDS, MEMORY_SECONDS, RUNS, PACKAGE_BYTES)


SPEND_PREFIX = "spend:"


def spend_key(owner: str, tool: str, name: str, window: int, start: int) -> CounterKey:
    """The counter of one spend; it can't have the name of a counter in a policy file."""
    return CounterKey(owner, tool, f"{SPEND_PREFIX}{name}", window, start)
