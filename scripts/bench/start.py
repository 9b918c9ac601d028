"""How long a command takes from its start to its end: Hermetic, native Python, node.

    uv run scripts/bench/start.py [--runs 30]

Every command prints something and ends: one line, or the sums of a table that NumPy, pandas
and Matplotlib are imported for. The peers take turns within one run of this script, so that
a noisy machine disturbs all of them alike; ratios are of medians.
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
SCIENCE = """
import numpy as np, pandas as pd, matplotlib.pyplot as plt
df = pd.DataFrame({"a": np.arange(1000), "b": np.arange(1000.0)})
print(df.sum())
"""
PACKAGES = ("numpy", "pandas", "matplotlib")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    commands = {
        "native python -c 'print(1)'": [sys.executable, "-c", "print(1)"],
        "native python -I -S -c 'print(1)'": [sys.executable, "-I", "-S", "-c", "print(1)"],
        "hermetic run -c 'print(1)'": [*HERMETIC, "run", "-c", "print(1)"],
        "hermetic run, of a table": [*HERMETIC, "run", "--interpreter", "wasi", "-c", SCIENCE],
    }
    with tempfile.TemporaryDirectory() as folder:
        if (python := install_packages_natively(Path(folder, "native"))) is not None:
            commands["native python, of a table"] = [python, "-c", SCIENCE]
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


def install_packages_natively(folder: Path) -> str | None:
    """A Python that has `PACKAGES`; None where they can't be installed."""
    from hermetic_runtime.uv_executable import uv_executable

    python = str(folder / "bin" / "python")
    uv = [uv_executable(), "--quiet"]
    made = subprocess.run([*uv, "venv", "--python", sys.executable, folder], check=False)
    added = subprocess.run([*uv, "pip", "install", "--python", python, *PACKAGES], check=False)
    return None if made.returncode or added.returncode else python


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
