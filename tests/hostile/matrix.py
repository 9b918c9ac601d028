"""Every hostile program in every kind of sandbox and through every door, as a report.

    scripts/hostile [--only GROUP] [--workers 3] [--list]

Ends with status 1 when something did not hold. OVER says by how many seconds a program
outlived its limit, where that was more than one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from attempts import Attempt, attempt
from doors import attempt_by_command, attempt_over_http
from hostile_program import HostileProgram
from live_service import live_service
from programs import GROUPS

from hermetic_runtime.preparation import prepare
from hermetic_runtime.preparation_wasi import prepare_wasi
from hermetic_runtime.providing import InterpreterName

_INTERPRETERS: tuple[InterpreterName, ...] = ("pyodide", "wasi")
_GRACE_SECONDS = 1.0


class Way(NamedTuple):
    """One way to run a program."""

    name: str
    run: Callable[[HostileProgram], Attempt]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=sorted(GROUPS), help="one group of programs")
    parser.add_argument("--workers", type=int, default=3, help="programs at the same time")
    parser.add_argument("--list", action="store_true", help="print the programs and end")
    options = parser.parse_args()
    groups = {name: GROUPS[name] for name in ([options.only] if options.only else GROUPS)}
    if options.list:
        for group, programs in groups.items():
            print(f"{group}:", *(f"  {program.name}" for program in programs), sep="\n")
        return 0
    prepare()
    prepare_wasi()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        live_service(Path(folder) / "data", "--no-key", concurrency=options.workers) as service,
        service.client() as client,
    ):
        ways = [
            *(
                Way(f"{name} {isolation}", partial(_attempt, name, isolation))
                for name in _INTERPRETERS
                for isolation in ("process", "shared")
            ),
            *(
                Way(f"{name} command", partial(attempt_by_command, interpreter=name))
                for name in _INTERPRETERS
            ),
            *(
                Way(f"{name} http", partial(attempt_over_http, interpreter=name, client=client))
                for name in _INTERPRETERS
            ),
        ]
        faults = sum(_report(group, groups[group], ways, options.workers) for group in groups)
    runs = sum(map(len, groups.values())) * len(ways)
    print(
        f"{runs:,} runs in {time.monotonic() - began:.0f} s, {faults} of them not as they must be"
    )
    return 1 if faults else 0


def _attempt(interpreter: InterpreterName, isolation: str, program: HostileProgram) -> Attempt:
    return attempt(program, interpreter, "shared" if isolation == "shared" else "process")


def _report(group: str, programs: tuple[HostileProgram, ...], ways: list[Way], workers: int) -> int:
    """Run one group and print what came of it. The number of runs that were not right."""
    print(f"\n{group}: {len(programs)} programs")
    faults = 0
    for way in ways:
        with ThreadPoolExecutor(workers) as pool:
            attempts = list(pool.map(way.run, programs))
        outcomes = Counter(str(each.outcome) for each in attempts)
        print(f"  {way.name:16}", ", ".join(f"{n} {name}" for name, n in outcomes.most_common()))
        for program, each in zip(programs, attempts, strict=True):
            over = each.seconds - program.limits.wall_seconds
            if over > _GRACE_SECONDS:
                print(f"    OVER {over:.1f} s: {program.name}")
            for fault in each.faults:
                print(f"    FAULT {program.name}: {fault[:300]}")
            faults += bool(each.faults) or over > _GRACE_SECONDS
    return faults


if __name__ == "__main__":
    sys.exit(main())
