"""What is left of a run in the process of a service, once its answer is given."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from hermetic.grants import LOCAL
from hermetic.measurements import Measurements
from hermetic.orders import RunOrder
from hermetic.runs import RunService
from hermetic.settings import ServiceSettings
from hermetic.submitted_run import SubmittedRun
from hermetic.telling import Followed
from hermetic_runtime.driver import BegunRun
from hermetic_runtime.limits import Limits
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult

T = TypeVar("T")


@pytest.fixture
def no_collection() -> Iterator[None]:
    """What refers to itself stays, as it does in a service until a collection comes to it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("followed", ["nothing", "progress", "everything"])
@pytest.mark.parametrize(("code", "outcome"), [("1", Outcome.OK), ("1/0", Outcome.ERROR)])
def test_a_run_that_has_ended_is_freed_with_its_result(
    tmp_path: Path, followed: Followed, code: str, outcome: Outcome
) -> None:
    async def run_once(runs: RunService) -> weakref.ref[SubmittedRun]:
        run = runs.submit(LOCAL, RunOrder(code), followed=followed)
        assert (await run.result()).outcome is outcome
        return weakref.ref(run)

    async def serve() -> bool:
        runs = RunService(ServiceSettings(data_directory=tmp_path), Measurements())
        left = await run_once(runs)
        await runs.stop()
        return left() is None

    assert asyncio.run(serve())


class Begun:
    """Runs of a service whose spares are there, and what was begun without a thread."""

    def __init__(self, runs: RunService, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs = runs
        self.count = 0
        begin = SubmittedRun.begin

        def counted(run: SubmittedRun) -> BegunRun | None:
            begun = begin(run)
            self.count += begun is not None
            return begun

        monkeypatch.setattr(SubmittedRun, "begin", counted)

    async def result(self, code: str, **order: Any) -> RunResult:
        return await self.runs.submit(LOCAL, RunOrder(code, **order)).result()

    async def await_spare(self) -> None:
        for _ in range(1000):
            if self.runs._spares.ready:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("there is no spare")


def serve(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: Callable[[Begun], Awaitable[T]],
) -> T:
    async def main() -> T:
        runs = RunService(ServiceSettings(data_directory=tmp_path), Measurements())
        begun = Begun(runs, monkeypatch)
        await begun.result("0")
        await begun.await_spare()
        try:
            return await asked(begun)
        finally:
            await runs.stop()

    return asyncio.run(main())


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("code", ["1", "import time; time.sleep(0.1)"])
def test_one_that_was_begun_by_the_event_loop_is_freed_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    async def ask(begun: Begun) -> tuple[int, bool]:
        run = begun.runs.submit(LOCAL, RunOrder(code))
        assert (await run.result()).outcome is Outcome.OK
        left = weakref.ref(run)
        del run
        await asyncio.sleep(0.1)
        return begun.count, left() is None

    assert serve(tmp_path, monkeypatch, ask) == (1, True)


def test_a_run_that_can_not_be_begun_for_any_reason_is_carried_out_by_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(begun: Begun) -> tuple[Outcome, int]:
        def fail(*_: object) -> None:
            raise OSError("no buffer space available")

        with monkeypatch.context() as patched:
            patched.setattr(GuestProcess, "begin", fail)
            run = begun.runs.submit(LOCAL, RunOrder("1"))
        return (await run.result()).outcome, len(begun.runs._running)

    assert serve(tmp_path, monkeypatch, ask) == (Outcome.OK, 0)


@pytest.mark.parametrize(
    "order",
    [
        {"limits": Limits(wall_seconds=0.015)},
        {"files": {"large": bytes(100_000)}},
        {"env": {"NAME": "value"}},
    ],
)
def test_what_an_event_loop_has_no_time_for_is_not_begun_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: dict[str, Any]
) -> None:
    async def ask(begun: Begun) -> int:
        await begun.result("1", **order)
        return begun.count

    assert serve(tmp_path, monkeypatch, ask) == 0
