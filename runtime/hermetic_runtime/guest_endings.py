"""Reports of runs that end otherwise than by an answer of the guest's agent."""

from __future__ import annotations

from hermetic_runtime.bindings import Trap, TrapCode
from hermetic_runtime.kernel.stops import (
    Aborted,
    Cancelled,
    DeadlineReached,
    GuestStop,
    OutputExceeded,
)
from hermetic_runtime.reported import Outcome, RunError
from hermetic_runtime.requests import RunReport


def exited(status: int) -> RunReport:
    """The interpreter ended itself, from C or by the kernel's `exit`."""
    if status == 0:
        return RunReport(Outcome.OK, alive=False)
    error = RunError("SystemExit", str(status))
    return RunReport(Outcome.ERROR, exit_code=status, error=error, alive=False)


def stopped(stop: GuestStop) -> RunReport:
    """A host function ended the guest."""
    if isinstance(stop, OutputExceeded):
        error = RunError("OutputLimit", "the run wrote more than it may", limit="output_bytes")
        return RunReport(Outcome.OUTPUT, exit_code=1, error=error, alive=False)
    if isinstance(stop, Cancelled):
        error = RunError("Cancelled", "the run was cancelled")
        return RunReport(Outcome.CANCELLED, exit_code=1, error=error, alive=False)
    if isinstance(stop, DeadlineReached):
        error = RunError("Timeout", "the run reached its deadline", limit="wall_seconds")
        return RunReport(Outcome.TIMEOUT, exit_code=124, error=error, alive=False)
    return crashed("Aborted", str(stop) if isinstance(stop, Aborted) else type(stop).__name__)


def trapped(trap: Trap) -> RunReport:
    """The engine ended the guest."""
    code = trap.code
    if code is TrapCode.OUT_OF_FUEL:
        error = RunError("OutOfFuel", "the run used up its fuel", limit="fuel")
        return RunReport(Outcome.FUEL, exit_code=1, error=error, alive=False)
    if code is TrapCode.STACK_OVERFLOW:
        return crashed("StackOverflow", "the interpreter ran out of native stack")
    if code is not None:
        return crashed("Trap", code.name.lower())
    return crashed("Trap", trap.message.partition("\n")[0])


def crashed(kind: str, message: str) -> RunReport:
    """Neither the guest nor a limit of its ended the run."""
    return RunReport(Outcome.CRASHED, exit_code=1, error=RunError(kind, message), alive=False)


def never_begun() -> RunReport:
    """Of a run that was interrupted before any of it was executed."""
    return RunReport(Outcome.ERROR, exit_code=130, error=RunError("KeyboardInterrupt", ""))


def no_answer(*, memory_refused: bool) -> RunReport:
    """Of a run that left the guest's agent unable to answer, which it will not be again."""
    if memory_refused:
        message = "the guest had no memory left to answer with"
        error = RunError("MemoryError", message, limit="memory_bytes")
        return RunReport(Outcome.MEMORY, exit_code=137, error=error)
    message = "the guest did not answer; what it answers with may have been changed by its code"
    error = RunError("GuestMisbehaved", message)
    return RunReport(Outcome.ERROR, exit_code=1, error=error, alive=False)
