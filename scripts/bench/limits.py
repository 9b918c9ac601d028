"""How late a limit ends a run, and what it takes to end it.

    uv run scripts/bench/limits.py [--rounds 5]

Each program would go on for ever, or for much longer than it may. "took" is the whole run,
"late" what it took beyond its deadline. Milliseconds, medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any, Literal, NamedTuple

from hermetic import Limits, Sandbox


class Case(NamedTuple):
    """A program with limits; `deadline` is in seconds, and 0 where it is not time that ends it."""

    name: str
    code: str
    limits: dict[str, Any]
    deadline: float


CASES = (
    Case("tight loop", "while True: pass", {"wall_seconds": 0.5}, 0.5),
    Case(
        "loop that catches everything",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        {"wall_seconds": 0.5},
        0.5,
    ),
    Case("time.sleep(30)", "import time; time.sleep(30)", {"wall_seconds": 0.3}, 0.3),
    Case("big integers", "x = 3 ** 10**7; str(x ** 9)", {"wall_seconds": 0.5}, 0.5),
    Case(
        "200 MB of stdout, 1 MB allowed",
        "for _ in range(200): print('x' * 1_000_000)",
        {"output_bytes": 1_000_000},
        0,
    ),
    Case("a list that grows", "x = []\nwhile True: x.append(bytes(4096))", {}, 0),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"{'program':<34}{'isolation':<11}{'outcome':<10}{'took':>10}{'late':>10}")
    isolations: tuple[Literal["process", "shared"], ...] = ("process", "shared")
    for case in CASES:
        for isolation in isolations:
            outcomes, times = zip(*(measure(case, isolation) for _ in range(rounds)), strict=True)
            took = statistics.median(times)
            late = f"{(took - case.deadline) * 1e3:>10.1f}" if case.deadline else ""
            print(f"{case.name:<34}{isolation:<11}{outcomes[0]:<10}{took * 1e3:>10.1f}{late}")


def measure(case: Case, isolation: Literal["process", "shared"]) -> tuple[str, float]:
    """The outcome, and seconds of the run without the start of its guest."""
    with Sandbox(limits=Limits(**case.limits), isolation=isolation) as sandbox:
        sandbox.start()
        began = time.perf_counter()
        result = sandbox.run(case.code)
        return result.outcome.value, time.perf_counter() - began


if __name__ == "__main__":
    main()
