"""How long a package set takes: from nothing, and when it is remembered.

    uv run scripts/bench/packages.py [--runs 5] [REQUIREMENT ...]

"cold" begins with empty caches, uv's among them, so it resolves, downloads and installs;
"installed from uv's cache" has uv's; "remembered" is what a run is held up by, with the
imports that it needs, in a process that has loaded the rest.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = """
import sys, time
import hermetic_runtime.preparation, hermetic_runtime.sandbox
begun = time.perf_counter()
from hermetic_runtime.packages.asking import package_request
from hermetic_runtime.packages.ensuring import ensure_package_set
ensure_package_set(package_request(requirements=sys.argv[1:]))
print(time.perf_counter() - begun)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("requirements", nargs="*", default=["pydantic>=2"])
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {}
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory() as folder:
            for name, seconds in measure(Path(folder), arguments.requirements).items():
                times.setdefault(name, []).append(seconds)
    print(f"{' '.join(arguments.requirements):<32}{'median ms':>10}{'best ms':>10}")
    for name, taken in times.items():
        print(f"{name:<32}{statistics.median(taken) * 1e3:>10.1f}{min(taken) * 1e3:>10.1f}")


def measure(folder: Path, requirements: list[str]) -> dict[str, float]:
    """Seconds of each case, one after the other, since each leaves what the next needs."""
    uv_cache = folder / "uv"
    return {
        "cold": ensure(folder / "first", uv_cache, requirements),
        "installed from uv's cache": ensure(folder / "second", uv_cache, requirements),
        "remembered": ensure(folder / "second", uv_cache, requirements),
    }


def ensure(cache: Path, uv_cache: Path, requirements: list[str]) -> float:
    places = {"HERMETIC_CACHE_DIR": str(cache), "UV_CACHE_DIR": str(uv_cache)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *requirements],
        check=True,
        env=environment() | places,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(done.stdout)


def environment() -> dict[str, str]:
    """As a user has it: bytecode is cached."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


if __name__ == "__main__":
    main()
