"""The line that says why a run ended, or that none is needed."""

from __future__ import annotations

import pytest

from hermetic.cli.outcomes import Ending, describe_ending
from hermetic_runtime.limits import Limits
from hermetic_runtime.reported import Outcome, RunError
from hermetic_runtime.results import RunResult


def ending(outcome: Outcome, error: RunError | None) -> Ending | None:
    return describe_ending(RunResult(outcome, error=error), Limits())


def test_a_run_that_went_well_needs_no_words():
    assert ending(Outcome.OK, None) is None


def test_a_traceback_that_python_printed_is_enough():
    error = RunError("ValueError", "no", "Traceback (most recent call last): ...")
    assert ending(Outcome.ERROR, error) is None


def test_an_exit_status_is_enough():
    assert ending(Outcome.ERROR, RunError("SystemExit", "3")) is None


def test_an_error_without_a_traceback_is_named():
    said = ending(Outcome.ERROR, RunError("MalformedAnswer", "it can't be read"))
    assert said == Ending("error: MalformedAnswer: it can't be read")


def test_a_crash_is_named_with_its_reason():
    said = ending(Outcome.CRASHED, RunError("Trap", "unreachable"))
    assert said == Ending("crashed: unreachable")


@pytest.mark.parametrize(
    ("outcome", "limit", "option"),
    [
        (Outcome.TIMEOUT, "wall_seconds", "--timeout"),
        (Outcome.TIMEOUT, "cpu_seconds", "--cpu"),
        (Outcome.MEMORY, "memory_bytes", "--memory"),
        (Outcome.OUTPUT, "output_bytes", "--output"),
        (Outcome.DISK, "disk_bytes", "--disk"),
    ],
)
def test_a_limit_comes_with_the_option_that_changes_it(outcome: Outcome, limit: str, option: str):
    said = ending(outcome, RunError("Limit", "", limit=limit))
    assert said is not None
    assert said.message.startswith(f"{outcome.value}: ")
    assert said.hint is not None
    assert said.hint.startswith(option)


@pytest.mark.parametrize("limit", ["files", "value_bytes"])
def test_a_limit_without_an_option_is_named_all_the_same(limit: str):
    said = ending(Outcome.DISK, RunError("Limit", "", limit=limit))
    assert said is not None
    assert said.hint is None


def test_a_limit_that_there_is_not_leaves_the_message():
    said = ending(Outcome.CRASHED, RunError("Odd", "odd", limit="__class__"))
    assert said == Ending("crashed: odd")
