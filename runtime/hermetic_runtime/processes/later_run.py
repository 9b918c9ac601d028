"""A run for a sandbox that its process has yet to make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hermetic_runtime import verdicts
from hermetic_runtime.driver import BegunRun, DrivenRun
from hermetic_runtime.errors import SandboxClosed, SandboxCrashed
from hermetic_runtime.reported import Usage

_MOST_LOOKS = 8
"""A process that says more than that it is ready is a thread's to listen to."""


class LastingProcess(Protocol):
    """The methods of `GuestProcess` that await another sandbox."""

    def fileno(self) -> int: ...

    def has_another(self) -> bool: ...

    def await_another(self) -> None: ...


class LaterRun:
    """A `BegunRun` that is sent once the sandbox waits for it, and not before: a process that is
    lost by then has not taken it.
    """

    def __init__(self, process: LastingProcess, begin: Callable[[], BegunRun]) -> None:
        self._process = process
        self._begin = begin
        self._begun: BegunRun | None = None
        self._looks = 0

    def fileno(self) -> int:
        return self._process.fileno()

    def look(self) -> bool:
        if self._begun is not None:
            return self._begun.look()
        self._looks += 1
        if self._process.has_another():
            self._begun = self._begin()
        return False

    @property
    def needs_only_looks(self) -> bool:
        if self._begun is not None:
            return self._begun.needs_only_looks
        return self._looks < _MOST_LOOKS

    def finish(self) -> DrivenRun:
        if self._begun is None:
            try:
                self._process.await_another()
            except SandboxClosed:
                return DrivenRun(verdicts.cancelled(Usage()), [], taken=False)
            except SandboxCrashed as error:
                report = verdicts.crashed("SandboxCrashed", error.message, Usage())
                return DrivenRun(report, [], taken=False)
            self._begun = self._begin()
        return self._begun.finish()
