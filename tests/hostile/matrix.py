"""Every hostile program in every kind of sandbox and through every door, as a report.

    scripts/hostile [--only GROUP] [--ways END ...] [--workers 3] [--record FILE] [--list]

Ends with status 1 when something did not hold. What did not, or came later than a second
after its limit, is tried once more with nothing else beside it, and counts if it is so again:
SECOND says what it was at first. With --record, what came of each run is kept in a file, and
runs that are in it are not run again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx2
from attempts import Attempt, attempt
from doors import attempt_by_command, attempt_over_http
from hostile_program import HostileProgram
from live_service import live_service
from machines import attempt_on_machine
from places import attempt_in_folders, attempt_in_session
from programs import GROUPS
from recorded_runs import Records, Run

from hermetic_runtime.preparation import prepare
from hermetic_runtime.preparation_wasi import prepare_wasi
from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.sandbox import Isolation

_INTERPRETERS: tuple[InterpreterName, ...] = ("pyodide", "wasi")
_ISOLATIONS: tuple[Isolation, ...] = ("process", "shared")
_GRACE_SECONDS = 1.0


class Way(NamedTuple):
    """One way to run a program."""

    name: str
    run: Callable[[HostileProgram], Attempt]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=sorted(GROUPS), help="one group of programs")
    parser.add_argument("--ways", nargs="+", default=[""], help="ways whose name ends so")
    parser.add_argument("--workers", type=int, default=3, help="programs at the same time")
    parser.add_argument("--record", type=Path, help="keep what came of each run, and go on from it")
    parser.add_argument("--list", action="store_true", help="print the programs and end")
    options = parser.parse_args()
    groups = {name: GROUPS[name] for name in ([options.only] if options.only else GROUPS)}
    if options.list:
        for group, programs in groups.items():
            print(f"{group}:", *(f"  {program.name}" for program in programs), sep="\n")
        return 0
    for metering in ("none", "epoch"):
        prepare(metering=metering)
        prepare_wasi(metering=metering)
    began = time.monotonic()
    with (
        Records(options.record) as records,
        tempfile.TemporaryDirectory() as folder,
        live_service(Path(folder) / "data", "--no-key", concurrency=options.workers) as service,
        service.client() as client,
    ):
        ways = [way for way in _ways(client) if way.name.endswith(tuple(options.ways))]
        tally = Counter[str]()
        for group, programs in groups.items():
            print(f"\n{group}: {len(programs)} programs", flush=True)
            for way in ways:
                tally += _report(group, programs, way, options.workers, records)
    seconds = time.monotonic() - began
    print(f"\n{tally['runs']:,} runs, {tally['new']:,} of them now, in {seconds:.0f} s")
    print(f"{tally['second']} held only the second time, {tally['faults']} not at all")
    return 1 if tally["faults"] else 0


def _ways(client: httpx2.Client) -> Iterable[Way]:
    for name in _INTERPRETERS:
        for isolation in _ISOLATIONS:
            given = {"interpreter": name, "isolation": isolation}
            yield Way(f"{name} {isolation}", partial(attempt, **given))
            yield Way(f"{name} {isolation} session", partial(attempt_in_session, **given))
            yield Way(f"{name} {isolation} folders", partial(attempt_in_folders, **given))
        yield Way(f"{name} command", partial(attempt_by_command, interpreter=name))
        yield Way(f"{name} machine", partial(attempt_on_machine, interpreter=name))
        yield Way(f"{name} http", partial(attempt_over_http, interpreter=name, client=client))


def _report(
    group: str, programs: tuple[HostileProgram, ...], way: Way, workers: int, records: Records
) -> Counter[str]:
    """Run one group and print what came of it; how many runs there were, and of which kind."""
    new = [each for each in programs if Run(group, each.name, way.name) not in records]
    with ThreadPoolExecutor(workers) as pool:
        attempts = list(pool.map(way.run, new))
    tally = Counter({"runs": len(programs), "new": len(new)})
    for program, first in zip(new, attempts, strict=True):
        faults, last = _faults(program, first), first
        if faults:
            last = way.run(program)
            for fault in faults:
                print(f"    SECOND {program.name}: at first {fault[:300]}")
        records.add(Run(group, program.name, way.name), last, _faults(program, last), bool(faults))
    kept = [records[Run(group, each.name, way.name)] for each in programs]
    outcomes = Counter(each.outcome for each in kept)
    print(f"  {way.name:22}", ", ".join(f"{n} {name}" for name, n in outcomes.most_common()))
    for each in kept:
        for fault in each.faults:
            print(f"    FAULT {each.run.program}: {fault[:300]}")
        tally["faults"] += bool(each.faults)
        tally["second"] += each.second and not each.faults
    sys.stdout.flush()
    return tally


def _faults(program: HostileProgram, attempted: Attempt) -> tuple[str, ...]:
    over = attempted.seconds - program.limits.wall_seconds
    late = (f"ended {over:.1f} s after its limit",) if over > _GRACE_SECONDS else ()
    return attempted.faults + late


if __name__ == "__main__":
    sys.exit(main())
