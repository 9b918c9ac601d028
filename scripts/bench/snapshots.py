"""What a guest costs that starts from a snapshot, from its creation until it is gone.

    uv run scripts/bench/snapshots.py [--runs 50]

In this process, without a process around the guest: instance, resume, run, close; on the
machine that the guest before it left, which is rewound to its snapshot when the guest is
closed, and on a new one. The ratios are to the start of native Python, and to a guest that
boots and imports by itself, both in the same run. "pages" is the memory that this process
had more when the guest had run, in MiB.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hermetic_runtime.compilation import Compiler, Metering
from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.prepared import read_manifest
from hermetic_runtime.preparing_process import run_preparing
from hermetic_runtime.providing import InterpreterName, WantedEnvironment, provide
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import GuestSettings, RunRequest

SCIENCE = "import numpy as np, pandas as pd, matplotlib.pyplot as plt\n"
TABLE = SCIENCE + "df = pd.DataFrame({'a': np.arange(1000), 'b': np.arange(1000.0)})\n"
MODEL = """\
from pydantic import BaseModel
class Point(BaseModel):
    x: int
    y: int
Point.model_validate({"x": 1, "y": "2"})
"""


class Case(NamedTuple):
    name: str
    interpreter: InterpreterName
    requirements: tuple[str, ...]
    code: str


CASES = (
    Case("pyodide: print", "pyodide", (), "print('hello')"),
    Case("pydantic: define and validate", "pyodide", ("pydantic>=2",), MODEL),
    Case("science: print", "wasi", (), SCIENCE + "print('hello')"),
    Case("science: df.sum()", "wasi", (), TABLE + "print(df.sum())"),
    Case("science: groupby", "wasi", (), TABLE + "print(df.groupby(df.a % 7).b.mean())"),
)
LIMITS = Limits(memory_bytes=512 * MIB)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    runs = parser.parse_args().runs
    native = median_ms(run_native_python, runs)
    print(f"native python -I -S -c 'print(1)', whole process: {native:.1f} ms\n")
    header = ("instance", "resume", "run", "close", "all", "/native", "booted", "pages")
    print(f"{'milliseconds, medians':<32}" + "".join(f"{word:>10}" for word in header))
    for case in CASES:
        environment = made_ready(case)
        source = case.code.encode()
        plain = load_environment(environment._replace(snapshots=None))
        loaded = load_environment(environment)
        [*booted, _] = medians(plain, source, max(3, runs // 10))
        for name, rewound in ((case.name, True), ("  on a new machine", False)):
            [*phases, pages] = medians(loaded, source, runs, rewound=rewound)
            row = (*phases, sum(phases), sum(phases) / native, sum(booted), pages)
            print(f"{name:<32}" + "".join(f"{value:>10.2f}" for value in row))


def made_ready(case: Case) -> Environment:
    """What a case runs in, with its snapshots. Says so where the code is not optimised yet."""
    wanted = WantedEnvironment(case.interpreter, case.requirements)
    provided = provide(wanted, case.code.encode(), Metering.NONE, lambda _: None)
    if provided.unmade:
        run_preparing("snapshots", provided.snapshots_task(), lambda _: None)
        provided = provide(wanted, case.code.encode(), Metering.NONE, lambda _: None)
    manifest = read_manifest(provided.environment.interpreter)
    if manifest.get("compiler") == Compiler.WINCH:
        print(f"{case.name}: the code is that of the quick compiler, half as fast")
    return provided.environment


def medians(
    environment: LoadedEnvironment, source: bytes, runs: int, *, rewound: bool = False
) -> list[float]:
    def all_runs() -> list[tuple[float, ...]]:
        rows: list[tuple[float, ...]] = []
        for _ in range(runs + 2 * len(environment.snapshots)):
            if not rewound:
                close_waiting_machines(environment)
            rows.append(one_guest(environment, source))
        return rows[-runs:]

    rows = run_in_guest_thread(all_runs)
    return [statistics.median(column) for column in zip(*rows, strict=True)]


def close_waiting_machines(environment: LoadedEnvironment) -> None:
    for snapshot in environment.snapshots:
        machine = snapshot.machines.take()
        if machine is not None:
            machine.close()


def one_guest(environment: LoadedEnvironment, source: bytes) -> tuple[float, ...]:
    """Milliseconds of each phase, and MiB of memory that this process had more before
    the guest was closed.
    """
    before = private_bytes()
    moments = [time.perf_counter()]
    guest = Guest(environment, GuestSettings(LIMITS), deliver=drop, request_input=lambda: None)
    moments.append(time.perf_counter())
    guest.boot()
    moments.append(time.perf_counter())
    report = guest.run(RunRequest(source, limits=LIMITS, capture_value=False))
    moments.append(time.perf_counter())
    dirtied = private_bytes() - before
    paused = time.perf_counter()
    guest.close()
    end = time.perf_counter()
    if report.outcome is not Outcome.OK:
        raise SystemExit(f"the program failed: {report.error}")
    phases = [(later - earlier) * 1000 for earlier, later in pairwise(moments)]
    return (*phases, (end - paused) * 1000, dirtied / MIB)


def drop(_stream: str, _data: bytes) -> None:
    """Nobody looks at what the guests print."""


def private_bytes() -> int:
    """Anonymous memory of this process: what was written to, not what is mapped."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def median_ms(action: Callable[[], object], runs: int) -> float:
    times: list[float] = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def run_native_python() -> None:
    command = [sys.executable, "-I", "-S", "-c", "print(1)"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
