"""Runs that are begun by one and waited for by another."""

from __future__ import annotations

import select
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, ParamSpec

from conditions import comes_true

from hermetic_runtime.beginning_sandbox import BeginningSandbox
from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import BegunRun, Driver, GuestSource
from hermetic_runtime.input_source import open_input
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.requests import RunRequest
from hermetic_runtime.results import RunResult

P = ParamSpec("P")


class Asked(NamedTuple):
    """A run in a sandbox of its own, and how far it is."""

    sandbox: BeginningSandbox
    request: RunRequest
    output: CapturedOutput
    begun: BegunRun | None

    def ends(self) -> bool:
        """Whether it comes to its end while somebody only looks."""
        assert self.begun is not None
        while self.begun.needs_only_looks and select.select([self.begun], [], [], 10)[0]:
            if self.begun.look():
                return True
        return False

    def result(self) -> RunResult:
        return self.sandbox.carry_out(self.request, self.output, open_input(None))


def ask(
    pool: GuestSource,
    code: str,
    stdin: bytes = b"",
    limits: Limits = Limits(),
    out: Path | None = None,
) -> Asked:
    request = RunRequest(code.encode(), limits=limits, final=True, followed=False)
    sandbox = BeginningSandbox(spares=pool, limits=limits, out=out)
    output = CapturedOutput(MIB, None)
    return Asked(sandbox, request, output, sandbox.begin(request, output, open_input(stdin)))


def once_a_spare_waits(ask: Callable[P, Asked]) -> Callable[P, Asked]:
    """There is one, as runs without one ask for it, or leave a worker."""

    def begin(*args: P.args, **kwargs: P.kwargs) -> Asked:
        asked = ask(*args, **kwargs)
        if asked.begun is None:
            asked.sandbox.run("0", final=True)

        def begins() -> bool:
            nonlocal asked
            asked = ask(*args, **kwargs)
            return asked.begun is not None

        assert asked.begun or comes_true(begins), "there is no spare"
        return asked

    return begin


begin = once_a_spare_waits(ask)


def pid_of(guest: Driver | None) -> int:
    assert isinstance(guest, GuestProcess) and guest._hold is not None
    return guest._hold.process.pid
