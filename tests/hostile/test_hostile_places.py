"""A selection of the hostile programs in sessions, and in folders of the host.

`scripts/hostile` runs each of them so.
"""

from __future__ import annotations

import pytest
from hostile_program import HostileProgram
from places import attempt_in_folders, attempt_in_session
from programs import GROUPS

from hermetic_runtime.preparation import prepare
from hermetic_runtime.preparation_wasi import prepare_wasi
from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.sandbox import Isolation

_SANDBOXES: tuple[tuple[InterpreterName, Isolation], ...] = (
    ("pyodide", "process"),
    ("wasi", "process"),
    ("wasi", "shared"),
    ("pyodide", "shared"),
)
_OF_SESSIONS = (
    "every descriptor closed",
    "a pipe that is full",
    "built-in functions removed",
    "an audit hook that refuses everything",
    "functions of the agent replaced",
    "output taken away",
    "space that stays with a file that was removed",
)
_OF_FOLDERS = (
    "a million small files",
    "out of the workspace by a link",
    "a file that becomes a link between the check and the use",
    "names for the host to stumble over",
    "removing everything",
)
_OF_EACH_GROUP = 2


def selection(first: int, names: tuple[str, ...]) -> list[object]:
    """Some programs of each group, and those that are made for such a place."""
    chosen: list[tuple[str, HostileProgram]] = []
    for group, programs in GROUPS.items():
        few = programs[first :: len(programs) // _OF_EACH_GROUP][:_OF_EACH_GROUP]
        few += tuple(each for each in programs if each.name in names and each not in few)
        chosen += [(group, program) for program in few]
    return [
        pytest.param(program, *_SANDBOXES[number % len(_SANDBOXES)], id=f"{group}: {program.name}")
        for number, (group, program) in enumerate(chosen)
    ]


@pytest.fixture(scope="module", autouse=True)
def prepared() -> None:
    prepare()
    prepare_wasi()


@pytest.mark.parametrize(("program", "interpreter", "isolation"), selection(3, _OF_SESSIONS))
def test_a_session_goes_on_after_the_program(
    program: HostileProgram, interpreter: InterpreterName, isolation: Isolation
) -> None:
    assert attempt_in_session(program, interpreter, isolation).faults == ()


@pytest.mark.parametrize(("program", "interpreter", "isolation"), selection(5, _OF_FOLDERS))
def test_the_program_changes_nothing_outside_the_folders_that_it_was_given(
    program: HostileProgram, interpreter: InterpreterName, isolation: Isolation
) -> None:
    assert attempt_in_folders(program, interpreter, isolation).faults == ()
