"""Runs over HTTP: how many a second, and how long each takes, for more and more callers.

    uv run scripts/bench/service.py [--runs 400] [--callers 1 2 4 16 64] [--shared]

Starts `hermetic serve` for itself. Every run prints one line, in a fresh process or, with
--shared, in a worker process. Processor time is that of all processes of the service, and
of its HTTP side alone, for one run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
from callers import Caller

HERMETIC = str(Path(sys.executable).with_name("hermetic"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 2, 4, 16, 64])
    parser.add_argument("--shared", action="store_true")
    options = parser.parse_args()
    with service(arguments=["--shared"] if options.shared else []) as (url, pid):
        asyncio.run(measure(url, 50, 4))
        print(f"{'callers':>7}{'runs/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'of HTTP':>9}")
        for callers in options.callers:
            began = time.perf_counter()
            used, own = processor_seconds(pid), own_processor_seconds(pid)
            times = asyncio.run(measure(url, options.runs, callers))
            seconds = time.perf_counter() - began
            used, own = processor_seconds(pid) - used, own_processor_seconds(pid) - own
            count = len(times)
            median, last = (1e3 * each for each in quantiles(times))
            print(
                f"{callers:>7}{count / seconds:>9.1f}{median:>9.1f}{last:>9.1f}"
                f"{used / count * 1e3:>9.2f}{own / count * 1e3:>9.2f}"
            )


def quantiles(times: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    ordered = sorted(times)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


@contextmanager
def service(data: Path | None = None, arguments: Sequence[str] = ()) -> Generator[tuple[str, int]]:
    """The address and the process of a service that is ready. What it keeps is in `data`,
    and its sessions beside that.
    """
    with tempfile.TemporaryDirectory() as folder:
        kept = data or Path(folder) / "data"
        places = {"HERMETIC_DATA_DIRECTORY": kept, "HERMETIC_STATE_DIR": kept.with_name("state")}
        process = subprocess.Popen(
            [HERMETIC, "serve", "--no-key", "--port", "0", *arguments],
            env=os.environ | {name: str(place) for name, place in places.items()},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        try:
            url = next(
                fields["url"] for line in process.stderr if "url" in (fields := json.loads(line))
            )
            with subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL):
                while httpx2.get(f"{url}/readyz").status_code != 200:
                    time.sleep(0.05)
                yield url, process.pid
                process.terminate()
        finally:
            process.terminate()
            process.wait()


async def measure(url: str, runs: int, callers: int) -> list[float]:
    """Seconds of each run, as its caller sees it."""
    times: list[float] = []

    async def call() -> None:
        caller = await Caller.connect(url)
        for _ in range(runs // callers):
            began = time.perf_counter()
            await caller.run()
            times.append(time.perf_counter() - began)
        caller.close()

    await asyncio.gather(*(call() for _ in range(callers)))
    return times


def own_processor_seconds(pid: int) -> float:
    """Of one process, without those that it started."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def processor_seconds(root: int) -> float:
    """Of a process and all below it, those that have ended included."""
    ticks, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            children = [
                int(child)
                for task in Path(f"/proc/{pid}/task").iterdir()
                for child in (task / "children").read_text().split()
            ]
        except OSError:
            continue
        ticks += sum(int(field) for field in stat[11:15])
        waiting += children
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
