"""Running hostile programs, and what must hold of each run whatever the program does."""

from __future__ import annotations

from dataclasses import dataclass

from hostile_program import BEGUN, HostileProgram

from hermetic_runtime.errors import HermeticError, SandboxClosed
from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult
from hermetic_runtime.sandbox import Isolation, Sandbox, run

STATE = "state_of_before = 6 * 7"
STATE_OF_BEFORE = "state_of_before"
CANARY = "import json, os\nopen('/tmp/canary', 'x').close()\njson.dumps(sum(range(10)))"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one program. `faults` is empty when everything held."""

    outcome: Outcome | None
    seconds: float
    faults: tuple[str, ...]


def attempt(program: HostileProgram, interpreter: InterpreterName, isolation: Isolation) -> Attempt:
    """Run the program through the library, and a canary after it."""
    faults: list[str] = []
    result: RunResult | None = None
    try:
        with Sandbox(
            limits=program.roomy_limits, interpreter=interpreter, isolation=isolation
        ) as sandbox:
            sandbox.run(STATE)
            result = sandbox.run(program.source, limits=program.limits, final=program.final)
            faults += faults_of(program, result, program.outcomes_in(interpreter))
            faults += _faults_of_what_is_left(program, sandbox)
    except HermeticError as error:
        faults.append(f"the host raised {type(error).__name__}: {error}")
    canary = run(CANARY, interpreter=interpreter, isolation=isolation)
    if canary.outcome is not Outcome.OK or canary.value is None or canary.value.json != "45":
        faults.append(f"the next run was touched: {canary}")
    seconds = result.usage.wall_seconds if result else 0.0
    return Attempt(result.outcome if result else None, seconds, tuple(faults))


def faults_of(
    program: HostileProgram, result: RunResult, expected: frozenset[Outcome]
) -> list[str]:
    """What is wrong with a result, if anything is."""
    faults: list[str] = []
    if result.outcome not in expected:
        faults.append(f"ended as {result.outcome.value}: {result.error}")
    if not result.stdout.text.startswith(BEGUN):
        faults.append(f"the output so far was lost: {result.stdout.text[:100]!r}")
    printed = len(result.stdout.text.encode()) + len(result.stderr.text.encode())
    if printed > 3 * program.output_bytes:
        faults.append(f"{printed:,} bytes of output")
    if (result.outcome is Outcome.OK) != (result.error is None):
        faults.append(f"the outcome {result.outcome.value} came with {result.error}")
    return faults


def _faults_of_what_is_left(program: HostileProgram, sandbox: Sandbox) -> list[str]:
    """A guest that lives on has its variables; one that does not says so."""
    try:
        left = sandbox.run(STATE_OF_BEFORE)
    except SandboxClosed as error:
        return [] if sandbox.closed else [f"open, and yet closed: {error}"]
    if program.alters_itself:
        return []
    if left.outcome is not Outcome.OK or left.value is None or left.value.json != 42:
        return [f"the guest lived on, but not well: {left}"]
    return []
