"""Hostile programs of our own, each in one of the four kinds of sandbox.

`scripts/hostile` runs each of them in all four, and through the doors.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from attempts import attempt
from hostile_program import HostileProgram
from programs import GROUPS

from hermetic_runtime.preparation import prepare
from hermetic_runtime.preparation_wasi import prepare_wasi
from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.sandbox import Isolation

SANDBOXES: tuple[tuple[InterpreterName, Isolation], ...] = (
    ("pyodide", "process"),
    ("wasi", "shared"),
    ("wasi", "process"),
    ("pyodide", "shared"),
)


class Case(NamedTuple):
    program: HostileProgram
    interpreter: InterpreterName
    isolation: Isolation


CASES = [
    pytest.param(
        Case(program, *SANDBOXES[number % len(SANDBOXES)]),
        id=f"{group}: {program.name} ({'-'.join(SANDBOXES[number % len(SANDBOXES)])})",
    )
    for number, (group, program) in enumerate(
        (group, program) for group, programs in GROUPS.items() for program in programs
    )
]


@pytest.fixture(scope="session")
def prepared() -> None:
    """Both interpreters, so that no program waits for them."""
    prepare()
    prepare_wasi()


@pytest.mark.parametrize("case", CASES)
def test_the_program_ends_as_it_must_and_harms_nobody(case: Case, prepared: None) -> None:
    attempted = attempt(case.program, case.interpreter, case.isolation)

    assert attempted.faults == ()


def test_there_are_enough_programs_and_each_has_a_name_of_its_own() -> None:
    names = [(group, program.name) for group in GROUPS for program in GROUPS[group]]

    assert len(names) >= 150
    assert len(set(names)) == len(names)
