"""Which processes there are, as /proc tells."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from conditions import comes_true

_MODULE = b"hermetic_runtime.processes"


def guest_side_processes(root: int | None = None) -> set[int]:
    """The zygotes and guest processes that `root` started, which is this process by default.

    Not those of other programs that it started: a service for other tests, for one, whose
    guests come and go at any time.
    """
    below = children_of(os.getpid() if root is None else root)
    found = {pid for pid in below if is_guest_side(pid)}
    return found.union(*(guest_side_processes(pid) for pid in found))


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


def await_gone(pids: set[int]) -> set[int]:
    """Wait until all have ended; those that have not after two minutes."""
    comes_true(lambda: not any(map(is_guest_side, pids)))
    return set(filter(is_guest_side, pids))
