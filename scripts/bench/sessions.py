"""What sessions cost: to keep a state, to wake, to fork; and their files.

    uv run scripts/bench/sessions.py [--rounds 10]

Ratios are to the start of native Python in the same run of this script.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HEAPS = {
    "a few variables": "x = 1; names = ['a', 'b']",
    "100 MB, compressible": "b = bytes(range(256)) * 400_000",
    "100 MB, random": "import os; b = os.urandom(100_000_000)",
    "a million strings": "b = [str(i) + 'a' * 20 for i in range(1_000_000)]",
    "3 million floats": "import array, random\n"
    "b = array.array('d', (random.random() for _ in range(3_000_000)))",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    native = median(rounds, lambda: subprocess.run([sys.executable, "-c", "1"], check=True))
    print(f"native python -c 1: {native * 1e3:.1f} ms\n")
    print(f"{'heap':<22}{'what':<28}{'median ms':>10}{'to native':>11}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HERMETIC_STATE_DIR"] = folder
        for heap, code in HEAPS.items():
            measure(heap, code, rounds, native)


def measure(heap: str, code: str, rounds: int, native: float) -> None:
    from hermetic import Session

    with Session.create() as session:
        session.run(code)

        def wake() -> float:
            session.hibernate()
            began = time.perf_counter()
            session.wake()
            return time.perf_counter() - began

        def fork() -> None:
            forked.append(session.fork().id)

        forked: list[str] = []
        times = {
            "run, state kept": median(rounds, lambda: session.run("1")),
            "wake": statistics.median([wake() for _ in range(rounds + 1)][1:]),
            "fork": median(rounds, fork),
        }
        for what, seconds in times.items():
            print(f"{heap:<22}{what:<28}{seconds * 1e3:>10.1f}{seconds / native:>10.2f}x")
        folder = Path(os.environ["HERMETIC_STATE_DIR"], "sessions", session.id)
        size = sum(path.stat().st_size for path in folder.glob("*.state"))
        print(f"{heap:<22}{'on disk':<28}{size / 1e6:>10.2f} MB")
        for each in forked:
            with Session.open(each) as child:
                child.delete()
        session.delete()


def median(rounds: int, action: Callable[[], object]) -> float:
    """Seconds, after one time that does not count."""
    times: list[float] = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
