"""What a guest is given to execute: bounded, and reported whatever comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from hermetic_runtime.answers import read_answer
from hermetic_runtime.asking import run_question
from hermetic_runtime.bindings import Trap, WasmtimeError
from hermetic_runtime.compilation import Metering
from hermetic_runtime.deadlines import EpochTicker, RunDeadlines
from hermetic_runtime.errors import GuestMisbehaved
from hermetic_runtime.guest_endings import crashed, exited, never_begun, no_answer, stopped, trapped
from hermetic_runtime.guest_kernel import GuestKernel
from hermetic_runtime.interpreters.interface import InterpreterInstance, LoadedInterpreter
from hermetic_runtime.kernel.errno import Failure
from hermetic_runtime.kernel.stops import Exited, GuestStop
from hermetic_runtime.limits import Limits
from hermetic_runtime.reported import Outcome, RunError, Usage
from hermetic_runtime.requests import RunReport, RunRequest

_TYPICAL = """
import sys
from sys import path as places

def total(numbers):
    return sum(number for number in numbers)

try:
    text = f"{total([1, 2.5]):.1f} {len(places)}"
    words = {word: word.upper() for word in text.split()}
except ValueError as error:
    print(error)
"""
"""What programs do first: what the compiler needs for it is in memory afterwards."""
REHEARSAL = RunRequest(
    f"exec({_TYPICAL!r}, {{}})\nprint('nowhere', flush=True)\n0".encode(), filename="<rehearsal>"
)
"""A run that goes the way of most, and leaves no trace in the guest."""
_NEXT_RUN = RunRequest(b"0", filename="<check>")


class GuestRuns:
    """The runs of one guest, one after the other. Those of one that is kept end with a look at
    whether another one would be possible.
    """

    def __init__(
        self,
        host: GuestKernel,
        instance: InterpreterInstance,
        interpreter: LoadedInterpreter,
        *,
        is_kept: bool,
    ) -> None:
        self._host = host
        self._instance = instance
        self._metering = interpreter.metering
        self._ticker = EpochTicker(interpreter.engine)
        self._is_kept = is_kept
        self._deadlines: RunDeadlines | None = None
        self._reached: str | None = None

    def meter(self) -> None:
        """Before anything of the guest is executed."""
        if self._metering is not Metering.NONE:
            self._instance.store.on_epoch(self._check_deadlines)
        if self._metering is Metering.FUEL:
            self._instance.store.set_fuel(2**62)

    @contextmanager
    def bounded(self, limits: Limits) -> Generator[None]:
        """Bound the time of what the guest does, where nobody else can."""
        if self._metering is Metering.NONE:
            yield
            return
        self._deadlines = deadlines = RunDeadlines(limits, self.interrupt)
        self._host.wakeup.deadline = deadlines.last_moment
        try:
            with self._ticker:
                yield
        finally:
            deadlines.end()
            self._deadlines, self._reached = None, deadlines.reached
            self._host.wakeup.deadline = None

    def _check_deadlines(self) -> bool:
        return self._deadlines is None or self._deadlines.check()

    def run(self, request: RunRequest, may_begin: Callable[[], bool] = lambda: True) -> RunReport:
        """Execute one source. Whatever the guest does ends in the report.

        Interrupts that came earlier are forgotten; `may_begin` is asked once that is done.
        """
        return self._run(request, may_begin, "run")

    def rehearse(self) -> RunReport:
        """Go the way of a run, so that the first run finds in memory what it needs. What
        `REHEARSAL` writes is delivered, and nobody is to get it.

        Raises `GuestMisbehaved` when the guest does not come through it.
        """
        report = self._run(REHEARSAL, lambda: True, "rehearse")
        if report.outcome is not Outcome.OK or not report.alive:
            raise GuestMisbehaved("the guest could not rehearse")
        return report

    def _run(self, request: RunRequest, may_begin: Callable[[], bool], action: str) -> RunReport:
        self._begin(request)
        if not may_begin():
            return self._complete(never_begun(), Usage())
        clock, cpu = time.perf_counter(), time.thread_time()
        calls = self._instance.store.host_calls
        report = self._execute(request, action)
        usage = Usage(
            wall_seconds=time.perf_counter() - clock,
            cpu_seconds=time.thread_time() - cpu,
            peak_memory_bytes=self._instance.memory_bytes,
            host_calls=self._instance.store.host_calls - calls,
            disk_bytes=self._host.quota.bytes_used,
            fuel=self._fuel_used(request),
        )
        return self._complete(report, usage)

    def _begin(self, request: RunRequest) -> None:
        self._reached = None
        self._host.begin_run(request.limits.output_bytes)
        self._instance.clear_interrupt()
        self._instance.memory_refused = False
        if self._metering is Metering.FUEL:
            self._instance.store.set_fuel(request.limits.fuel or 2**62)

    def _execute(self, request: RunRequest, action: str) -> RunReport:
        try:
            with self.bounded(request.limits):
                report = self._ask_agent(request, action)
                return self._checked(report) if self._is_kept and report.alive else report
        except Exited as stop:
            return exited(stop.status)
        except GuestStop as stop:
            return stopped(stop)
        except Trap as trap:
            return trapped(trap)
        except WasmtimeError as error:
            return crashed("WasmtimeError", str(error))
        except Failure as failure:
            return crashed("Fault", f"the interpreter passed a bad argument ({failure})")
        except Exception as error:
            # A fault of ours must end this guest and nothing else.
            return crashed(type(error).__name__, f"the host failed: {error}")

    def _checked(self, report: RunReport) -> RunReport:
        """The report of a run whose guest is to be kept: not alive if another run would fail.

        It is found out by one, which has what time the run left.
        """
        self._instance.clear_interrupt()
        self._host.kernel.reopen_streams()
        if self._ask_agent(_NEXT_RUN, "rehearse").outcome is Outcome.OK:
            return report
        report = report._replace(alive=False)
        if report.outcome is not Outcome.OK:
            return report
        message = "the run left its interpreter unable to execute anything more"
        error = RunError("GuestMisbehaved", message)
        return report._replace(outcome=Outcome.ERROR, exit_code=1, error=error)

    def _ask_agent(self, request: RunRequest, action: str) -> RunReport:
        answer = self._instance.call(run_question(request, action))
        if answer is None:
            return no_answer(memory_refused=self._instance.memory_refused)
        return read_answer(
            answer,
            value_bytes=request.limits.value_bytes,
            display_bytes=request.limits.display_bytes,
            memory_refused=self._instance.memory_refused,
            disk_refused=frozenset(self._host.quota.refused),
        )

    def _complete(self, report: RunReport, usage: Usage) -> RunReport:
        reached = self._reached
        if reached is not None:
            error = report.error or RunError("Timeout", "")
            message = f"the run reached its limit {reached}"
            error = RunError("Timeout", message, error.traceback, reached)
            report = report._replace(outcome=Outcome.TIMEOUT, exit_code=124, error=error)
        files, files_omitted = self._host.filesystems.workspace_files()
        return report._replace(
            usage=usage,
            files=files,
            files_omitted=files_omitted,
            stdout_truncated=self._host.stdout.truncated,
            stderr_truncated=self._host.stderr.truncated,
        )

    def _fuel_used(self, request: RunRequest) -> int | None:
        if self._metering is not Metering.FUEL:
            return None
        return (request.limits.fuel or 2**62) - self._instance.store.get_fuel()

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the guest soon, waking it if it waits."""
        self._instance.interrupt()
        self._host.wakeup.interrupt()

    def cancel(self) -> None:
        """End a guest of a metered engine at the next tick."""
        deadlines = self._deadlines
        if deadlines is not None:
            deadlines.cancel()
        self._host.wakeup.cancel()
