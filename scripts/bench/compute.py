"""How fast guest code runs: the same programs in a sandbox and in native Python.

    uv run scripts/bench/compute.py [--rounds 3] [--interpreter pyodide|wasi]
                                    [--metering none|epoch|fuel] [--only PROGRAM]

`--metering` says what the compiled code checks: nothing, as in guest processes; epochs, as in
`isolation="shared"`; or fuel, as where a limit of fuel is set.
For `wasi` there are programs with NumPy and pandas too, which native Python gets from uv.
Each program times itself, without start-up, and returns its seconds; best of rounds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import replace

from uv import find_uv_bin

from hermetic import Limits, Sandbox

TIMED = """
import time
{setup}
start = time.perf_counter()
{body}
seconds = time.perf_counter() - start
"""

PROGRAMS = {
    "sum of 10 M ints": ("", "total = 0\nfor i in range(10_000_000):\n    total += i"),
    "float loop": ("", "x = 0.0\nfor i in range(3_000_000):\n    x = x * 0.999 + i / 3"),
    "json": (
        """
import json
data = [{"id": i, "name": str(i), "tags": ["a", "b"]} for i in range(20_000)]
""",
        "for _ in range(3):\n    json.loads(json.dumps(data))",
    ),
    "regex": (
        "import re\ntext = 'alpha beta 12345 gamma-delta ' * 20_000",
        "re.findall(r'(\\w+)-(\\w+)|\\d+', text)",
    ),
    "sort": (
        "import random\nrandom.seed(1)\nvalues = [random.random() for _ in range(300_000)]",
        "sorted(values)",
    ),
    "dict and str": (
        "counts = {}",
        """
for i in range(800_000):
    key = str(i % 5000)
    counts[key] = counts.get(key, 0) + 1
""",
    ),
    "sha256 of 64 MB": (
        "import hashlib\ndata = bytes(1 << 20)\ndigest = hashlib.sha256()",
        "for _ in range(64):\n    digest.update(data)",
    ),
    "sqlite, 50,000 rows": (
        """
import sqlite3
database = sqlite3.connect(":memory:")
database.execute("create table t(a, b)")
""",
        """
database.executemany("insert into t values (?, ?)", ((i, str(i)) for i in range(50_000)))
database.execute("select sum(a), count(distinct b) from t").fetchone()
""",
    ),
    "os.stat, 20,000 calls": ("import os", "for _ in range(20_000):\n    os.stat('/tmp')"),
}

WITH_PACKAGES = {
    "matrix product, 400 x 400": (
        "import numpy\na = numpy.random.default_rng(1).random((400, 400))",
        "for _ in range(5):\n    a @ a",
    ),
    "sin and sum of 5 M floats": (
        "import numpy\na = numpy.random.default_rng(1).random(5_000_000)",
        "numpy.sin(a).sum()",
    ),
    "sort of 1 M floats": (
        "import numpy\na = numpy.random.default_rng(1).random(1_000_000)",
        "numpy.sort(a)",
    ),
    "group and sum 500,000 rows": (
        """
import numpy, pandas
random = numpy.random.default_rng(1)
table = pandas.DataFrame({"k": random.integers(0, 100, 500_000), "v": random.random(500_000)})
""",
        "table.groupby('k')['v'].agg(['sum', 'mean', 'max'])",
    ),
}
NATIVE_PACKAGES = ("numpy", "pandas")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--interpreter", choices=("pyodide", "wasi"), default="pyodide")
    parser.add_argument("--metering", choices=("none", "epoch", "fuel"), default="none")
    parser.add_argument("--only", metavar="PROGRAM", help="the beginning of a program's name")
    arguments = parser.parse_args()
    rounds: int = arguments.rounds
    programs = PROGRAMS | (WITH_PACKAGES if arguments.interpreter == "wasi" else {})
    programs = {
        name: program for name, program in programs.items() if name.startswith(arguments.only or "")
    }
    limits = Limits(memory_bytes=1 << 30, wall_seconds=300, cpu_seconds=300)
    if arguments.metering == "fuel":
        limits = replace(limits, fuel=2**62)
    print(f"{'program':<24}{'native s':>10}{'hermetic s':>12}{'ratio':>8}")
    with Sandbox(
        limits=limits,
        interpreter=arguments.interpreter,
        isolation="shared" if arguments.metering == "epoch" else "process",
    ) as sandbox:
        for name, (setup, body) in programs.items():
            source = TIMED.format(setup=setup, body=body) + "seconds\n"
            python = with_packages() if name in WITH_PACKAGES else [sys.executable]
            native = min(run_natively(python, source) for _ in range(rounds))
            hermetic = min(run_in(sandbox, source) for _ in range(rounds))
            print(f"{name:<24}{native:>10.3f}{hermetic:>12.3f}{hermetic / native:>7.2f}x")


def with_packages() -> list[str]:
    """This Python, with the newest packages that it can have."""
    needed = ["--python", sys.executable]
    needed += [word for package in NATIVE_PACKAGES for word in ("--with", package)]
    return [find_uv_bin(), "run", "--quiet", "--no-project", *needed, "python"]


def run_natively(python: list[str], source: str) -> float:
    command = [*python, "-c", source + "print(seconds)\n"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run_in(sandbox: Sandbox, source: str) -> float:
    result = sandbox.run(source)
    if not result.ok or result.value is None:
        raise SystemExit(f"the program failed: {result.error}")
    return float(result.value.repr)


if __name__ == "__main__":
    main()
