"""Guest processes that are started ahead of need."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from conditions import comes_true
from process_lists import await_gone, guest_side_processes

from hermetic_runtime.environments import Environment
from hermetic_runtime.limits import Limits
from hermetic_runtime.preparation import prepare
from hermetic_runtime.prepared import SNAPSHOTS
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.launchers import launcher
from hermetic_runtime.processes.quiet_moments import QuietMoments
from hermetic_runtime.processes.spares import SparePool
from hermetic_runtime.reported import Outcome
from hermetic_runtime.sandbox import Sandbox


@pytest.fixture(scope="module")
def environment() -> Environment:
    directory = prepare()
    return Environment(directory, snapshots=directory / SNAPSHOTS)


@pytest.fixture
def pool() -> Iterator[SparePool]:
    pool = SparePool(2)
    yield pool
    pool.close()


def await_spare(
    pool: SparePool, environment: Environment, limits: Limits = Limits()
) -> GuestProcess:
    taken: list[GuestProcess] = []

    def take() -> bool:
        if (spare := pool.take(environment, limits)) is not None:
            taken.append(spare)
        return bool(taken)

    assert comes_true(take), "there is no spare"
    return taken[0]


def pid_of(spare: GuestProcess) -> int:
    assert spare._hold is not None
    return spare._hold.process.pid


def test_what_is_asked_for_is_kept_in_store(pool: SparePool, environment: Environment) -> None:
    assert pool.take(environment, Limits()) is None
    spare = await_spare(pool, environment)
    assert spare.is_waiting()
    pool.retire(spare)


def test_there_is_another_spare_while_a_run_goes_on(environment: Environment) -> None:
    pool = SparePool(1)
    spare = await_spare(pool, environment)
    assert comes_true(lambda: pool.ready == 1)
    spare.close()
    pool.close()


@pytest.mark.parametrize("leave", [True, False])
def test_a_spare_is_asked_to_rehearse_if_runs_leave_a_processor(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, leave: bool
) -> None:
    asked: list[GuestProcess] = []
    monkeypatch.setattr(GuestProcess, "rehearse", lambda spare: asked.append(spare))
    monkeypatch.setattr(QuietMoments, "runs_leave_a_processor", leave)
    pool = SparePool(1)

    pool.retire(await_spare(pool, environment))
    pool.close()

    assert bool(asked) is leave


def test_each_run_has_a_process_that_nobody_used(pool: SparePool) -> None:
    with Sandbox(spares=pool) as sandbox:
        sandbox.run("import builtins; builtins.left = 1")
    for _ in range(4):
        time.sleep(0.1)
        with Sandbox(spares=pool) as sandbox:
            result = sandbox.run("import builtins, random; hasattr(builtins, 'left')", final=True)
        assert result.value is not None and result.value.json is False


def test_spares_differ_in_what_is_random(pool: SparePool) -> None:
    shown: list[object] = []
    for _ in range(5):
        with Sandbox(spares=pool) as sandbox:
            result = sandbox.run("import random, os; [random.random(), os.urandom(4).hex()]")
        assert result.value is not None
        shown.append(result.value.repr)
        time.sleep(0.1)
    assert len(set(shown)) == 5


def wanted_by(pool: SparePool) -> list[int]:
    return [demand.wanted for demand in pool._demands.values()]


@pytest.fixture
def one_spare(environment: Environment) -> Iterator[SparePool]:
    """A pool that may have more, of which nothing was asked for a while."""
    pool = SparePool(3)
    assert pool.take(environment, Limits()) is None
    pool.retire(GuestProcess(launcher(environment), Limits(), {}, ()))
    assert comes_true(lambda: pool.ready == 1)
    assert comes_true(lambda: not pool._moments.is_pressed)
    yield pool
    pool.close()


def test_a_run_that_comes_too_soon_after_another_does_not_make_a_pool_grow(
    one_spare: SparePool, environment: Environment
) -> None:
    with one_spare._changed:  # so that nothing is started in between
        spare = one_spare.take(environment, Limits())
        assert spare is not None
        one_spare.retire(spare)

        assert one_spare.take(environment, Limits()) is None
    assert wanted_by(one_spare) == [1]


def test_runs_at_the_same_time_make_a_pool_grow(
    one_spare: SparePool, environment: Environment
) -> None:
    with one_spare._changed:
        spare = one_spare.take(environment, Limits())
        assert spare is not None

        assert one_spare.take(environment, Limits()) is None
    assert wanted_by(one_spare) == [2]
    one_spare.retire(spare)


def test_who_looks_for_a_spare_that_has_ended_leaves_no_trace(
    one_spare: SparePool, environment: Environment
) -> None:
    with one_spare._changed:
        [demand] = one_spare._demands.values()
        os.kill(pid_of(demand.spares[0]), signal.SIGKILL)
        poll = select.poll()
        poll.register(demand.spares[0]._hold.channel, select.POLLIN)  # pyright: ignore[reportOptionalMemberAccess]
        assert poll.poll(10_000)
        before = one_spare._moments.under_way

        assert one_spare.take_waiting(environment, Limits()) is None
    assert (wanted_by(one_spare), one_spare._moments.under_way) == ([1], before)


def test_limits_of_a_run_hold_in_a_spare(pool: SparePool) -> None:
    outcomes = list[Outcome]()
    for limits in (
        Limits(wall_seconds=0.2),
        Limits(cpu_seconds=0.2),
        Limits(output_bytes=10),
        Limits(memory_bytes=64 * 2**20),
    ):
        for _ in range(2):
            code = "print('x' * 100)\nbytearray(10**8)\nwhile True: pass"
            outcomes.append(Sandbox(limits=limits, spares=pool).run(code, final=True).outcome)
            time.sleep(0.3)
    assert outcomes == [Outcome.TIMEOUT] * 4 + [Outcome.OUTPUT] * 2 + [Outcome.MEMORY] * 2


def test_a_spare_that_ended_is_not_given_away(environment: Environment) -> None:
    pool = SparePool(1)
    pool.retire(await_spare(pool, environment))
    assert comes_true(lambda: pool.ready == 1)
    # With one spare the pool is at rest now: what is killed is all that there is, and no spare
    # that is being made dies later, with its zygote, in the middle of the run.
    zygote_and_spares = guest_side_processes()
    for pid in zygote_and_spares:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not await_gone(zygote_and_spares)
    assert Sandbox(spares=pool).run("1", final=True).outcome is Outcome.OK
    pool.close()


def test_a_spare_that_ends_before_it_takes_its_run_is_replaced(
    pool: SparePool, environment: Environment
) -> None:
    spares = [await_spare(pool, environment)]

    class Dying(SparePool):
        def take(
            self, environment: Environment, limits: Limits, *, keep_files: bool = False
        ) -> GuestProcess | None:
            if not spares:
                return None
            pid = pid_of(spares[0])
            os.kill(pid, signal.SIGKILL)
            await_gone({pid})
            return spares.pop()

    dying = Dying(0)
    assert Sandbox(spares=dying).run("6 * 7", final=True).outcome is Outcome.OK
    dying.close()


def test_a_kind_that_nobody_asks_for_has_no_spares(environment: Environment) -> None:
    pool = SparePool(1, idle_seconds=0.5)
    pool.take(environment, Limits())
    spare = await_spare(pool, environment)
    pids = {pid_of(spare)}
    pool.retire(spare)
    assert not await_gone(pids)
    assert comes_true(lambda: not pool._demands)
    assert pool.take(environment, Limits()) is None
    pool.close()


def test_a_new_kind_takes_the_place_of_an_old_one(environment: Environment) -> None:
    pool = SparePool(1)
    pool.retire(await_spare(pool, environment))
    other = Limits(memory_bytes=100 * 2**20)
    pool.retire(await_spare(pool, environment, other))
    pool.close()


def test_closing_leaves_no_process(environment: Environment) -> None:
    pool = SparePool(3)
    spare = await_spare(pool, environment)
    pid = pid_of(spare)
    pool.retire(spare)
    pool.close()
    assert not await_gone({pid})
    assert pool.take(environment, Limits()) is None


def test_nothing_is_started_ahead_when_there_may_be_none(environment: Environment) -> None:
    pool = SparePool(0)
    for _ in range(3):
        assert pool.take(environment, Limits()) is None
        time.sleep(0.1)
    pool.close()


def test_a_sandbox_of_a_kind_without_spares_runs_all_the_same(pool: SparePool) -> None:
    result = Sandbox(env={"A": "1"}, spares=pool).run("import os; os.environ['A']", final=True)
    assert result.value is not None and result.value.json == "1"
