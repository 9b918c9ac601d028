"""Runs in workers that an event loop begins, and what it must not wait for."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from threading import Timer

import pytest
from begun_runs import Asked, ask, begin
from conditions import comes_true
from fake_guests import REPORT, STARTED, FakeLauncher
from process_lists import await_gone, stop

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.errors import SandboxCrashed
from hermetic_runtime.input_source import open_input
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.processes import workers
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.workers import WorkerPool
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import RunRequest


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2)
    yield pool
    pool.close()


def pid_of_worker(pool: WorkerPool) -> int:
    (worker,) = pool._waiting
    assert worker.process._hold is not None
    return worker.process._hold.process.pid


def ended(asked: Asked) -> Outcome:
    assert asked.ends()
    return asked.result().outcome


def test_a_run_ends_while_somebody_only_looks_and_its_worker_stays(pool: WorkerPool) -> None:
    owned = pool.of("a")
    begin(owned, "0").result()
    worker = pid_of_worker(pool)

    assert ended(begin(owned, "print('hello')")) is Outcome.OK
    assert ended(begin(owned, "1 / 0")) is Outcome.ERROR
    assert pid_of_worker(pool) == worker


def test_nothing_is_begun_in_a_worker_of_somebody_else(pool: WorkerPool) -> None:
    begin(pool.of("a"), "0").result()
    assert comes_true(lambda: pool._waiting[0].process.has_another())

    assert ask(pool.of("b"), "0").begun is None


def leave_a_worker_that_has_not_booted(pool: WorkerPool) -> int:
    """It is stopped before it could make its next guest. Its process id."""
    owned = pool.of("a")
    begin(owned, "0").result()
    worker = pid_of_worker(pool)
    asked = begin(owned, "0")
    assert asked.ends()
    stop(worker)
    asked.result()
    assert pid_of_worker(pool) == worker
    return worker


def test_a_run_is_begun_for_a_guest_that_has_yet_to_boot(pool: WorkerPool) -> None:
    worker = leave_a_worker_that_has_not_booted(pool)
    asked = ask(pool.of("a"), "print('hello')")

    assert asked.begun is not None and asked.begun.needs_only_looks
    assert not select.select([asked.begun], [], [], 0.1)[0]
    os.kill(worker, signal.SIGCONT)
    assert asked.ends()
    assert asked.result().stdout.text == "hello\n"
    assert pid_of_worker(pool) == worker


def test_a_guest_that_takes_long_to_boot_is_waited_for_by_who_carries_on(pool: WorkerPool) -> None:
    worker = leave_a_worker_that_has_not_booted(pool)
    asked = ask(pool.of("a"), "print('hello')")

    Timer(0.3, os.kill, [worker, signal.SIGCONT]).start()
    assert asked.result().stdout.text == "hello\n"


def test_a_run_whose_guest_never_boots_is_given_to_another(pool: WorkerPool) -> None:
    worker = leave_a_worker_that_has_not_booted(pool)
    asked = ask(pool.of("a"), "print('once')")
    os.kill(worker, signal.SIGKILL)

    assert not asked.ends()
    assert asked.result().stdout.text == "once\n"


def test_a_run_that_is_cancelled_before_its_guest_has_booted_is_not_given_to_another(
    pool: WorkerPool,
) -> None:
    leave_a_worker_that_has_not_booted(pool)
    asked = ask(pool.of("a"), "print('never')")
    asked.sandbox.cancel()

    assert not asked.ends()
    result = asked.result()
    assert (result.outcome, result.stdout.text) == (Outcome.CANCELLED, "")


@pytest.mark.parametrize("why", ["worn", "too many wait", "the guest can't go on"])
def test_a_worker_that_has_to_end_is_ended_by_who_carries_on(
    pool: WorkerPool, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned = pool.of("a")
    begin(owned, "0").result()
    worker = pid_of_worker(pool)
    limits = Limits(output_bytes=10) if why == "the guest can't go on" else Limits()
    asked = begin(owned, "print('x' * 1000)", limits=limits)
    if why == "worn":
        monkeypatch.setattr(workers, "MOST_GUESTS", 1)
    if why == "too many wait":
        monkeypatch.setattr(pool, "_most", 0)

    assert not asked.ends()
    assert asked.result().stdout.text.startswith("x")
    assert not await_gone({worker})


@pytest.mark.parametrize(
    "what", ["send(INPUT_WANTED)", "connection.send(b'garbage!')", "sys.exit()"]
)
def test_a_process_that_does_not_say_that_it_is_ready_again_is_lost(what: str) -> None:
    body = f"{STARTED}{REPORT}receive()\n{what}\ntime.sleep(600)"
    guest = GuestProcess(FakeLauncher(body), Limits(), {}, (), lasting=True)
    guest.start()
    guest.run(RunRequest(b"", final=True), CapturedOutput(MIB, None), open_input(None))
    guest.begin_another()
    assert guest._hold is not None
    select.select([guest._hold.channel], [], [], 60)

    assert not guest.has_another()
    with pytest.raises(SandboxCrashed):
        guest.await_another()
    assert guest._hold is None
