"""Whether the machine has a processor to spare."""

from __future__ import annotations

import os

_RUNNABLE = 3
"""Which field of /proc/loadavg tells how many threads run or wait to run (proc_loadavg(5))."""


def has_idle_processor() -> bool:
    """Whether no other thread has to wait because the calling one runs. False if unknown."""
    try:
        with open("/proc/loadavg", "rb", buffering=0) as file:
            runnable, _, _ = file.read(256).split()[_RUNNABLE].partition(b"/")
            return int(runnable) <= len(os.sched_getaffinity(0))
    except (OSError, ValueError, IndexError):
        return False
