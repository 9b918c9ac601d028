"""Runs the files of a suite in guests, each file in one of its own."""

from __future__ import annotations

import json
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import NamedTuple

from suites import Suite

from hermetic import Limits, Mount, Outcome, RunResult, run
from hermetic_runtime.limits import MIB

_PROGRAM = Path(__file__).with_name("in_guest.py").read_text(encoding="utf-8")
_GUEST_CPU_SECONDS = 600
_GUEST_SECONDS = 7200
"""On the clock, for a machine that does other work meanwhile."""
_MOST_GUESTS = 4
"""How many guests a file gets, when its tests end them."""


class Test(NamedTuple):
    """One test, or a file that could not be collected.

    `outcome` is passed, failed, skipped, expected (to fail, and did) or lost (with its guest).
    """

    name: str
    outcome: str
    reason: str


def begin_suite(
    pool: Executor, suite: Suite, folder: Path, holding: str
) -> list[tuple[str, Future[list[Test]]]]:
    """The path of each file of the suite, which is unpacked in `folder`, and its tests to be.

    Only files are run whose path has `holding` in it.
    """
    paths = [str(file.relative_to(folder)) for file in sorted(folder.glob(suite.tests))]
    return [(path, pool.submit(run_file, suite, folder, path)) for path in paths if holding in path]


def run_file(suite: Suite, folder: Path, file: str) -> list[Test]:
    """Every test of one file; those after one that ended its guest run in another guest."""
    tests: dict[str, Test] = {}
    for _ in range(_MOST_GUESTS):
        result = run_guest(suite, folder, file, list(tests))
        begun = read_outcomes(result.stdout.text, tests)
        if result.ok:
            break
        ended = begun or file
        tests[ended] = Test(ended, "lost", why_lost(result))
        if begun is None:
            break
    return list(tests.values())


def run_guest(suite: Suite, folder: Path, file: str, finished: list[str]) -> RunResult:
    """Exits when the packages can't be had: then there is nothing to run."""
    work = {
        "file": file,
        "first": suite.first.get(file, []),
        "finished": finished,
        "extends": suite.extends,
        "stand_ins": suite.stand_ins,
        "options": suite.options,
    }
    result = run(
        _PROGRAM,
        interpreter=suite.interpreter,
        requirements=suite.requirements,
        mounts=[Mount(folder, "/suite")],
        files={"work.json": json.dumps(work).encode()},
        limits=Limits(
            memory_bytes=suite.memory_mib * MIB,
            wall_seconds=_GUEST_SECONDS,
            cpu_seconds=_GUEST_CPU_SECONDS,
            output_bytes=256 * MIB,
        ),
        capture_value=False,
    )
    if result.outcome in (Outcome.INSTALL_ERROR, Outcome.DENIED) and result.error:
        raise SystemExit(f"{suite.package}: {result.error.message}")
    return result


def read_outcomes(output: str, tests: dict[str, Test]) -> str | None:
    """Add to `tests` what the guest told; the test that had begun and not ended, if any.

    Other lines are left out: some tests write to descriptor 1, or were cut off.
    """
    begun = None
    for line in output.splitlines():
        if not (line.startswith('["') and line.endswith('"]')):
            continue
        outcome, name, *reason = json.loads(line)
        if outcome == "begun":
            begun = name
            continue
        # A test can pass and then fail as it is taken down.
        if name not in tests or outcome == "failed":
            tests[name] = Test(name, outcome, "".join(reason))
        begun = None
    return begun


def why_lost(result: RunResult) -> str:
    error = result.error
    message = f"{error.type}: {error.message}" if error else ""
    return f"{result.outcome.value} {message}\n{result.stderr.text[-1500:]}"
