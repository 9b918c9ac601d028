"""What hostile programs leave in a machine is gone when it is rewound.

`scripts/hostile --ways machine` runs all of them with both interpreters.
"""

from __future__ import annotations

import pytest
from hostile_program import HostileProgram
from machines import attempt_on_machine
from programs import GROUPS

from hermetic_runtime.providing import InterpreterName

EVERY = 12
CASES = [
    pytest.param(program, ("pyodide", "wasi")[number // EVERY % 2], id=f"{group}: {program.name}")
    for number, (group, program) in enumerate(
        (group, program) for group, programs in GROUPS.items() for program in programs
    )
    if number % EVERY == 5
]


@pytest.mark.parametrize(("program", "interpreter"), CASES)
def test_the_next_guest_finds_the_memory_of_the_snapshot(
    program: HostileProgram, interpreter: InterpreterName
) -> None:
    assert attempt_on_machine(program, interpreter).faults == ()
