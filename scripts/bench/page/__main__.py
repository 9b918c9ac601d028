"""One page of figures, from one run: starts, throughput, memory, speed, and how cost grows.

    scripts/bench/all [--quick] [--plots docs/plots]

Prints Markdown. Peers take turns with Hermetic, on the same machine and at the same time;
those that can't be had here are left out and named. With --plots, writes SVG files there.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the other benchmarks have

import growth
import speed
import starts
import throughput
from tables import table


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, for trying it out")
    parser.add_argument("--plots", type=Path, help="a folder for the plots")
    options = parser.parse_args()
    rounds = 3 if options.quick else 10
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HERMETIC_STATE_DIR"] = folder
        print("## The machine\n")
        print(table(["", ""], machine()))
        print("\n## Starts\n")
        print(table(starts.HEADER, starts.rows(Path(folder), rounds)))
        print("\n## Throughput\n")
        print(table(throughput.HEADER, throughput.rows(seconds=rounds)))
        print("\n## The speed of guest code\n")
        print(table(speed.HEADER, speed.rows(rounds=min(rounds, 3))))
        print("\n## How cost grows\n")
        for plot, name in growth.plots(rounds):
            print(table(plot.header, plot.rows()), end="\n\n")
            if options.plots:
                options.plots.mkdir(parents=True, exist_ok=True)
                (options.plots / f"{name}.svg").write_text(plot.svg(), encoding="utf-8")


def machine() -> list[list[str]]:
    """What the figures depend on."""
    processors = Path("/proc/cpuinfo").read_text().split("model name\t: ")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return [
        ["date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")],
        ["processors", f"{len(processors) - 1} of {processors[-1].splitlines()[0]}"],
        ["memory", f"{memory:.0f} GiB"],
        ["system", f"{platform.system()} {platform.release()}"],
        ["Python", platform.python_version()],
        ["wasmtime", version("wasmtime")],
        ["load before it (1, 5, 15 minutes)", load],
    ]


if __name__ == "__main__":
    main()
