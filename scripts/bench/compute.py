"""How fast guest code runs: the same programs in a sandbox and in native Python.

    uv run scripts/bench/compute.py [--rounds 3]

Each program times itself, without start-up, and returns its seconds; best of rounds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    limits = Limits(memory_bytes=1 << 30, wall_seconds=300, cpu_seconds=300)
    print(f"{'program':<24}{'native s':>10}{'hermetic s':>12}{'ratio':>8}")
    with Sandbox(limits=limits) as sandbox:
        for name, (setup, body) in PROGRAMS.items():
            source = TIMED.format(setup=setup, body=body) + "seconds\n"
            native = min(run_natively(source) for _ in range(rounds))
            hermetic = min(run_in(sandbox, source) for _ in range(rounds))
            print(f"{name:<24}{native:>10.3f}{hermetic:>12.3f}{hermetic / native:>7.2f}x")


def run_natively(source: str) -> float:
    command = [sys.executable, "-c", source + "print(seconds)\n"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run_in(sandbox: Sandbox, source: str) -> float:
    result = sandbox.run(source)
    if not result.ok or result.value is None:
        raise SystemExit(f"the program failed: {result.error}")
    return float(result.value.repr)


if __name__ == "__main__":
    main()
