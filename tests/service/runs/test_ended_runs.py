"""What is left of a run in the process of a service, once its answer is given."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from hermetic.grants import LOCAL
from hermetic.measurements import Measurements
from hermetic.orders import RunOrder
from hermetic.runs import RunService
from hermetic.settings import ServiceSettings
from hermetic.submitted_run import SubmittedRun
from hermetic.telling import Followed
from hermetic_runtime.results import Outcome


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
