"""A sandbox for who has an event loop, and must not wait."""

from __future__ import annotations

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import BegunRun
from hermetic_runtime.input_source import InputSource
from hermetic_runtime.requests import RunRequest
from hermetic_runtime.results import RunResult
from hermetic_runtime.sandbox import Sandbox


class BeginningSandbox(Sandbox):
    """Its first run may be begun by one thread, and carried out by another."""

    def begin(
        self, request: RunRequest, output: CapturedOutput, source: InputSource
    ) -> BegunRun | None:
        """Begin the first run, for an event loop to wait for, if a spare waits and nothing else
        has to be waited for. None otherwise, and nothing was begun.

        `carry_out` of the same must follow; it goes on from there. Raises as `run` does, but for
        an `out` that can't be written to: `carry_out` raises that, where there is something.
        """
        with self._lock:
            self._check_open()
            return self._guest.begin(request, output, source)

    def carry_out(
        self, request: RunRequest, output: CapturedOutput, source: InputSource
    ) -> RunResult:
        """As `run`, of what was checked already."""
        return self._carry_out(request, output, source)
