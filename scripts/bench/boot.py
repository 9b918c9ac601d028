"""What a fresh guest costs: instance, boot, first print; and what a process around it adds.

    uv run scripts/bench/boot.py [--runs 50]

The first table is measured in this process, without a process around the guest; the
second through the library, each run in a guest process of its own. Native Python's
start, measured in the same run, is the line to compare with. Milliseconds, medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import hermetic
from hermetic_runtime.compilation import Metering
from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.preparation import prepare
from hermetic_runtime.prepared import SNAPSHOTS
from hermetic_runtime.requests import GuestSettings, RunRequest


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    runs = parser.parse_args().runs
    native = median_of(run_native_python, runs)
    report("native python -I -S -c 'print(1)', whole process", native, native)
    directory = prepare(metering=Metering.NONE)
    report("load the prepared interpreter", median_of(lambda: load(directory), runs), native)
    environment = load_environment(Environment(directory))
    report_phases("booted", environment, runs, native)
    snapshots = load_environment(Environment(directory, snapshots=directory / SNAPSHOTS))
    together = report_phases("resumed", snapshots, runs, native)
    results = [timed_run() for _ in range(runs)]
    starts = statistics.median(result.timings.start for _, result in results)
    whole = statistics.median(seconds for seconds, _ in results)
    report("hermetic.run: fork and resume", starts, native)
    report("hermetic.run: request to result", whole, native)
    report("hermetic.run: what the process adds", whole - together, native)


def report(name: str, seconds: float, native: float) -> None:
    print(f"{name:<52}{seconds * 1e3:>9.2f} ms{seconds / native:>8.2f}x native start")


def median_of(action: Callable[[], object], runs: int) -> float:
    times: list[float] = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def run_native_python() -> None:
    command = [sys.executable, "-I", "-S", "-c", "print(1)"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def load(directory: Path) -> None:
    load_environment(Environment(directory))


def report_phases(kind: str, environment: LoadedEnvironment, runs: int, native: float) -> float:
    """Print the phases of a guest in this process; seconds from its creation to its end."""
    phases = [run_in_guest_thread(lambda: boot_and_print(environment)) for _ in range(runs)]
    for index, name in enumerate(("start", "first print", "close")):
        median = statistics.median(times[index] for times in phases)
        report(f"guest in this process, {kind}: {name}", median, native)
    together = statistics.median(sum(times) for times in phases)
    report(f"guest in this process, {kind}: all", together, native)
    return together


def boot_and_print(environment: LoadedEnvironment) -> tuple[float, float, float]:
    start = time.perf_counter()
    guest = Guest(
        environment,
        GuestSettings(),
        deliver=lambda _stream, _data: None,
        request_input=lambda: None,
    )
    guest.boot()
    booted = time.perf_counter()
    guest.run(RunRequest(b"print(1)"))
    printed = time.perf_counter()
    guest.close()
    return booted - start, printed - booted, time.perf_counter() - printed


def timed_run() -> tuple[float, hermetic.RunResult]:
    start = time.perf_counter()
    result = hermetic.run("print(1)")
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
