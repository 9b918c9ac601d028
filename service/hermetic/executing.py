"""One run in a sandbox of its own, in a thread that may wait for it, or for an event loop."""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path
from typing import NamedTuple

from hermetic.awaiting_ends import QUICK_SECONDS
from hermetic.orders import RunOrder
from hermetic.telling import Telling
from hermetic_runtime.beginning_sandbox import BeginningSandbox
from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import BegunRun, GuestSource
from hermetic_runtime.errors import HermeticError, SandboxClosed, SandboxCrashed
from hermetic_runtime.input_source import open_input
from hermetic_runtime.reported import Outcome, RunError
from hermetic_runtime.requests import RunRequest
from hermetic_runtime.results import RunResult

_log = logging.getLogger("hermetic.runs")
_STARTS = 3
"""How often a guest is started before the run is given up."""


def cancelled_result() -> RunResult:
    """Of a run that was cancelled before there was anything else to say of it."""
    error = RunError("Cancelled", "the run was cancelled")
    return RunResult(Outcome.CANCELLED, error=error, exit_code=1)


class _Prepared(NamedTuple):
    """A sandbox, and the run that it is for."""

    sandbox: BeginningSandbox
    request: RunRequest
    output: CapturedOutput


class Execution:
    """`begin` belongs in the event loop. `run` belongs in one thread, or in the loop once it will
    not wait; `cancel` may be called from any thread, at any time.
    """

    def __init__(
        self,
        order: RunOrder,
        telling: Telling,
        guests: GuestSource,
        out: Path | None = None,
        request: RunRequest | None = None,
    ) -> None:
        """`guests` are where its guest comes from. `out` gets the files that the run makes.
        `request` is that of the order, where it was made already and is small.
        """
        self._order = order
        self._telling = telling
        self._guests = guests
        self._out = out
        self._request = request
        self._lock = threading.Lock()
        self._sandbox: BeginningSandbox | None = None
        self._prepared: _Prepared | None = None
        self._cancelled = False

    def begin(self) -> BegunRun | None:
        """Begin where nothing has to be waited for: a small run, in a guest that waits, for a
        caller who only wants the result. `run` must follow, whatever this gives: in a thread
        that may wait, unless the run has ended by then.
        """
        if self._request is None or self._telling.on_output is not None:
            return None
        if self._request.limits.wall_seconds <= QUICK_SECONDS:
            return None  # its deadline would come while nobody minds it
        try:
            if self._out is not None and self._out.exists():
                return None
            self._prepared = sandbox, request, output = self._prepare()
            return sandbox.begin(request, output, open_input(self._order.stdin))
        except Exception:
            return None  # `run` meets it again, and tells

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
        prepared, self._prepared = self._prepared, None
        if prepared is None and self._out is not None:
            shutil.rmtree(self._out, ignore_errors=True)
        for left in reversed(range(_STARTS)):
            sandbox, request, output = prepared or self._prepare()
            prepared = None
            try:
                with sandbox:
                    return sandbox.carry_out(request, output, open_input(self._order.stdin))
            except SandboxCrashed:
                if not left or self._cancelled:
                    raise
                _log.warning("a guest was lost while it started")
        raise AssertionError

    def _prepare(self) -> _Prepared:
        on_output = self._telling.on_output
        request = self._request or self._order.request(followed=on_output is not None)
        output = CapturedOutput(request.limits.output_bytes, on_output)
        return _Prepared(self._open(), request, output)

    def _open(self) -> BeginningSandbox:
        order = self._order
        with self._lock:
            if self._cancelled:
                raise SandboxClosed("the run was cancelled before it started")
            self._sandbox = BeginningSandbox(
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
