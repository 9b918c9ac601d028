"""Which processes there are, as /proc tells."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

_MODULE = b"hermetic_runtime.processes"


def guest_side_processes(root: int | None = None) -> set[int]:
    """The zygotes and guest processes below `root`, which is this process by default."""
    below = children_of(os.getpid() if root is None else root)
    found = {pid for pid in below if is_guest_side(pid)}
    return found.union(*(guest_side_processes(pid) for pid in below))


def is_guest_side(pid: int) -> bool:
    """Whether it is a zygote or a guest process that has not ended."""
    try:
        return _MODULE in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def children_of(pid: int) -> set[int]:
    """Direct children, zombies included."""
    found = set[int]()
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found.update(map(int, (thread / "children").read_text().split()))
    return found


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def await_gone(pids: set[int], seconds: float = 20) -> set[int]:
    """Wait until all have ended; those that have not after `seconds`."""
    deadline = time.monotonic() + seconds
    while (left := {pid for pid in pids if is_guest_side(pid)}) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left
