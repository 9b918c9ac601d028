"""Which processes there are, as /proc tells."""

from __future__ import annotations

import os
import signal
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


def stop(pid: int) -> None:
    """Until it gets SIGCONT. Its threads stop when one of them has had the processor."""
    os.kill(pid, signal.SIGSTOP)
    assert comes_true(lambda: all(state == "T" for state in _states(pid)))


def _states(pid: int) -> list[str]:
    """Of its threads (proc_pid_stat(5))."""
    stats = [each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/stat")]
    return [stat.rpartition(")")[2].split()[0] for stat in stats]


def await_gone(pids: set[int]) -> set[int]:
    """Wait until all have ended; those that have not after two minutes."""
    comes_true(lambda: not any(map(is_guest_side, pids)))
    return set(filter(is_guest_side, pids))
