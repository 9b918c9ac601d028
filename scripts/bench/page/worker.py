"""Prints runs a second and MiB for each live sandbox: worker.py ISOLATION PROCESSORS SECONDS.

Every run is a fresh sandbox that prints one line. Each caller is a thread of this process.
Memory is what the machine has less with the sandboxes alive: private pages of this
process, and the proportional share of those of guest processes.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from hermetic import Sandbox, run
from hermetic_runtime.driver import Isolation
from hermetic_runtime.limits import MIB

SANDBOXES = 20


def main(isolation: Isolation, processors: int, seconds: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:processors])
    run("print(1)", isolation=isolation)

    def caller(until: float) -> int:
        count = 0
        while time.perf_counter() < until:
            result = run("print(1)", isolation=isolation)
            if result.stdout.text != "1\n":
                raise SystemExit(f"the program failed: {result.error}")
            count += 1
        return count

    with ThreadPoolExecutor(processors) as threads:
        began = time.perf_counter()
        runs = sum(threads.map(caller, [began + seconds] * processors))
        rate = runs / (time.perf_counter() - began)
    print(f"{rate:.0f} {memory_of_sandboxes(isolation) / SANDBOXES / MIB:.1f}")


def memory_of_sandboxes(isolation: Isolation) -> int:
    with ExitStack() as stack:
        first = stack.enter_context(Sandbox(isolation=isolation))
        first.run("x = 1")
        before = proportional_bytes()
        for _ in range(SANDBOXES):
            stack.enter_context(Sandbox(isolation=isolation)).run("x = 1")
        return proportional_bytes() - before


def proportional_bytes() -> int:
    """PSS of this process and of all below it: shared pages are divided among their users."""
    total, waiting = 0, [os.getpid()]
    while waiting:
        folder = Path(f"/proc/{waiting.pop()}")
        try:
            rollup = (folder / "smaps_rollup").read_text()
            children = [path.read_text() for path in folder.glob("task/*/children")]
        except OSError:
            continue
        total += int(rollup.partition("\nPss:")[2].split()[0]) * 1024
        waiting += [int(child) for line in children for child in line.split()]
    return total


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))  # type: ignore[arg-type]
