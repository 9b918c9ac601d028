"""Which processes there are, as /proc tells."""

from __future__ import annotations

import os
import time
from pathlib import Path

_MODULE = b"hermetic_runtime.processes"


def guest_side_processes() -> set[int]:
    """Zygotes and guest processes, zombies not included."""
    found = set[int]()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if _MODULE in command and b"-S" in command.split(b"\0"):
                found.add(int(entry.name))
    return found


def children_of(pid: int) -> set[int]:
    """Direct children, zombies included."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(word) for word in text.split()}


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def await_gone(pids: set[int], seconds: float = 20) -> set[int]:
    """Wait until none of them is running; those that still are after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and pids & guest_side_processes():
        time.sleep(0.01)
    return pids & guest_side_processes()
