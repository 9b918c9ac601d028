"""How long it takes from a command to its first output: Hermetic, native Python, node.

    uv run scripts/bench/start.py [--runs 30]

Every command prints one line and ends. The peers take turns within one run of this
script, so that a noisy machine disturbs all of them alike; ratios are of medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

HERMETIC = [str(Path(sys.executable).with_name("hermetic"))]
NODE_PROGRAM = """
const { loadPyodide } = require("pyodide");
loadPyodide().then((pyodide) => pyodide.runPython("print(1)"));
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    commands = {
        "native python -c 'print(1)'": [sys.executable, "-c", "print(1)"],
        "native python -I -S -c 'print(1)'": [sys.executable, "-I", "-S", "-c", "print(1)"],
        "hermetic run -c 'print(1)'": [*HERMETIC, "run", "-c", "print(1)"],
    }
    with tempfile.TemporaryDirectory() as folder:
        if install_pyodide_for_node(Path(folder)):
            commands["node with the same pyodide"] = ["node", "-e", NODE_PROGRAM]
        times = measure(commands, Path(folder), runs)
    native = statistics.median(times["native python -c 'print(1)'"])
    print(f"{'command':<40}{'median ms':>10}{'best ms':>10}{'to native':>11}")
    for name, taken in times.items():
        median = statistics.median(taken)
        best = min(taken)
        print(f"{name:<40}{median * 1e3:>10.1f}{best * 1e3:>10.1f}{median / native:>10.1f}x")


def install_pyodide_for_node(folder: Path) -> bool:
    """Install the npm package that Hermetic is built from; False where there is no node."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return False
    from hermetic_wasm.images import PYODIDE

    package = f"pyodide@{PYODIDE.version}"
    command = [npm, "install", "--silent", "--no-fund", "--no-audit", package]
    return subprocess.run(command, cwd=folder, check=False).returncode == 0


def measure(
    commands: Mapping[str, Sequence[str]], folder: Path, runs: int
) -> dict[str, list[float]]:
    """Seconds of each command, one turn each in every round, after a round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for round_number in range(runs + 1):
        for name, command in commands.items():
            if command[0] == "node" and round_number > 5:
                continue
            start = time.perf_counter()
            subprocess.run(
                command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=environment()
            )
            if round_number:
                times[name].append(time.perf_counter() - start)
    return times


def environment() -> dict[str, str]:
    """As a user has it: bytecode is cached and output is buffered."""
    unusual = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
    return {name: value for name, value in os.environ.items() if name not in unusual}


if __name__ == "__main__":
    main()
