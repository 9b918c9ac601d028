"""One run in a sandbox of its own, in a thread that may wait for it."""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path

from hermetic.orders import RunOrder
from hermetic.telling import Telling
from hermetic_runtime.driver import GuestSource
from hermetic_runtime.errors import HermeticError, SandboxClosed, SandboxCrashed
from hermetic_runtime.results import Outcome, RunError, RunResult
from hermetic_runtime.sandbox import Sandbox

_log = logging.getLogger("hermetic.runs")
_STARTS = 3
"""How often a guest is started before the run is given up."""


def cancelled_result() -> RunResult:
    """Of a run that was cancelled before there was anything else to say of it."""
    error = RunError("Cancelled", "the run was cancelled")
    return RunResult(Outcome.CANCELLED, error=error, exit_code=1)


class Execution:
    """`run` belongs in one thread; `cancel` may be called from any other, at any time."""

    def __init__(
        self,
        order: RunOrder,
        telling: Telling,
        guests: GuestSource,
        out: Path | None = None,
    ) -> None:
        """`guests` are where its guest comes from. `out` gets the files that the run makes."""
        self._order = order
        self._telling = telling
        self._guests = guests
        self._out = out
        self._lock = threading.Lock()
        self._sandbox: Sandbox | None = None
        self._cancelled = False

    def run(self) -> RunResult:
        """Raises what `Sandbox` does, but for a run that was cancelled."""
        try:
            result = self._run_in_sandbox()
        except HermeticError:
            if not self._cancelled:
                raise
            result = cancelled_result()
        self._telling.end(result)
        return result

    def _run_in_sandbox(self) -> RunResult:
        """A guest that is lost before it took the run has done nothing: another one may."""
        order = self._order
        if self._out is not None:
            shutil.rmtree(self._out, ignore_errors=True)
        for left in reversed(range(_STARTS)):
            try:
                with self._open() as sandbox:
                    return sandbox.run(
                        order.code,
                        filename=order.filename,
                        args=order.args,
                        stdin=order.stdin,
                        inputs=order.inputs,
                        files=order.files,
                        imports=order.imports,
                        on_output=self._telling.on_output,
                        final=True,
                    )
            except SandboxCrashed:
                if not left or self._cancelled:
                    raise
                _log.warning("a guest was lost while it started")
        raise AssertionError

    def _open(self) -> Sandbox:
        order = self._order
        with self._lock:
            if self._cancelled:
                raise SandboxClosed("the run was cancelled before it started")
            self._sandbox = Sandbox(
                env=order.env,
                limits=order.limits,
                out=self._out,
                requirements=order.requirements,
                interpreter=order.interpreter,
                packages=order.package_settings(),
                on_progress=self._telling.progress,
                spares=self._guests,
            )
            return self._sandbox

    def cancel(self) -> None:
        """End the guest now."""
        with self._lock:
            self._cancelled = True
            if self._sandbox is not None:
                self._sandbox.cancel()
