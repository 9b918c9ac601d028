"""Worker processes: a guest of its own for each run, in a process that stays."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from conditions import comes_true
from process_lists import await_gone

from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import SandboxClosed
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.preparation import prepare
from hermetic_runtime.prepared import SNAPSHOTS
from hermetic_runtime.processes import workers
from hermetic_runtime.processes.workers import WorkerPool
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult
from hermetic_runtime.sandbox import Sandbox


@pytest.fixture(scope="module")
def environment() -> Environment:
    directory = prepare()
    return Environment(directory, snapshots=directory / SNAPSHOTS)


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2)
    yield pool
    pool.close()


def run(
    pool: WorkerPool,
    code: str,
    limits: Limits | None = None,
    *,
    owner: str = "a",
    out: Path | None = None,
) -> RunResult:
    with Sandbox(spares=pool.of(owner), limits=limits, out=out) as sandbox:
        return sandbox.run(code, final=True)


def pids(pool: WorkerPool) -> list[int]:
    holds = [worker.process._hold for worker in pool._waiting]
    return [hold.process.pid for hold in holds if hold is not None]


def test_the_process_stays_for_the_next_run(pool: WorkerPool) -> None:
    assert run(pool, "1").outcome is Outcome.OK
    first = pids(pool)
    assert run(pool, "1 / 0").outcome is Outcome.ERROR
    assert run(pool, "1").outcome is Outcome.OK
    assert pids(pool) == first


def test_nothing_that_a_run_leaves_is_there_for_the_next(pool: WorkerPool) -> None:
    leaving = """
import builtins, os, sys
builtins.left = sys.left = 1
os.environ["LEFT"] = "1"
os.chdir("/tmp")
for folder in ("/tmp", "/workspace"):
    open(f"{folder}/left", "w").write("left")
"""
    looking = """
import builtins, os, sys
found = [hasattr(builtins, "left"), hasattr(sys, "left"), "LEFT" in os.environ]
found + [os.getcwd(), os.path.exists("/tmp/left"), os.listdir("/workspace")]
"""
    assert run(pool, leaving).outcome is Outcome.OK
    worker = pids(pool)
    value = run(pool, looking).value
    assert value is not None and value.json == [False, False, False, "/workspace", False, []]
    assert pids(pool) == worker


def test_runs_differ_in_what_is_random(pool: WorkerPool) -> None:
    shown = [run(pool, "import os, random; [random.random(), os.urandom(4)]") for _ in range(4)]
    assert len({result.value.repr for result in shown if result.value}) == 4


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        (Limits(wall_seconds=0.2), Outcome.TIMEOUT),
        (Limits(cpu_seconds=0.2), Outcome.TIMEOUT),
        (Limits(output_bytes=10), Outcome.OUTPUT),
        (Limits(memory_bytes=64 * MIB), Outcome.MEMORY),
        (Limits(disk_bytes=MIB), Outcome.DISK),
    ],
)
def test_limits_hold_for_a_guest_that_is_not_the_first(
    pool: WorkerPool, limits: Limits, outcome: Outcome
) -> None:
    run(pool, "1")
    code = """
with open("/tmp/large", "wb") as file:
    file.write(bytes(10 * 2**20))
print("x" * 100)
bytearray(10**8)
while True: pass
"""
    assert run(pool, code, limits).outcome is outcome


def test_a_guest_that_can_not_be_stopped_ends_with_its_process(pool: WorkerPool) -> None:
    run(pool, "1")
    worker = set(pids(pool))
    code = "while True:\n try:\n  while True: pass\n except BaseException: pass"
    result = run(pool, code, Limits(wall_seconds=0.3))
    assert result.outcome is Outcome.TIMEOUT
    assert not await_gone(worker)
    assert run(pool, "1").outcome is Outcome.OK


def test_the_processor_time_of_a_killed_guest_is_its_own(pool: WorkerPool) -> None:
    before = run(pool, "for _ in range(10**7): pass")
    code = "import time\ntry: time.sleep(600)\nexcept BaseException: time.sleep(600)"
    result = run(pool, code, Limits(wall_seconds=0.2))
    assert result.outcome is Outcome.TIMEOUT
    assert result.usage.cpu_seconds < before.usage.cpu_seconds


def test_a_worker_serves_one_owner(pool: WorkerPool) -> None:
    run(pool, "1", owner="a")
    run(pool, "1", owner="b")
    assert len(set(pids(pool))) == 2


def test_only_so_many_workers_wait(pool: WorkerPool) -> None:
    for owner in "abcd":
        run(pool, "1", owner=owner)
    assert pool.waiting == 2


def test_a_worker_that_ended_while_it_waited_is_replaced(pool: WorkerPool) -> None:
    run(pool, "1")
    (worker,) = pids(pool)
    os.kill(worker, signal.SIGKILL)
    assert not await_gone({worker})
    assert run(pool, "1").outcome is Outcome.OK


def test_a_worker_is_replaced_when_it_is_worn(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "MOST_GUESTS", 2)
    run(pool, "1")
    worker = pids(pool)
    run(pool, "1")
    assert not await_gone(set(worker))
    assert pids(pool) == []


def test_a_worker_keeps_no_descriptors_of_its_guests(pool: WorkerPool) -> None:
    def descriptors() -> int:
        return len(os.listdir(f"/proc/{pids(pool)[0]}/fd"))

    for _ in range(3):
        run(pool, "open('/tmp/file', 'w')")
    before = descriptors()
    for _ in range(20):
        run(pool, "open('/tmp/file', 'w')")
    # The worker makes the guest of the next run ready after it has answered.
    assert comes_true(lambda: descriptors() <= before)


def test_a_sandbox_that_gave_its_worker_back_can_not_reach_it(
    pool: WorkerPool, environment: Environment
) -> None:
    lent = pool.lend(environment, "a", Limits(), keep_files=False)
    lent.close()
    (waiting,) = pool._waiting or [None]
    assert waiting is None  # it ran nothing to its end, so it was not kept
    with Sandbox(spares=pool.of("a")) as sandbox:
        sandbox.run("1", final=True)
        sandbox.cancel()
    assert pool.waiting == 1
    assert run(pool, "1").outcome is Outcome.OK


def test_a_lent_worker_that_was_closed_runs_nothing(pool: WorkerPool) -> None:
    sandbox = Sandbox(spares=pool.of("a"))
    sandbox.start()
    sandbox.close()
    with pytest.raises(SandboxClosed):
        sandbox.run("1")


def test_files_that_are_kept_are_those_of_the_run(pool: WorkerPool, tmp_path: Path) -> None:
    run(pool, "open('first', 'w').write('1')")
    result = run(pool, "open('second', 'w').write('2')", out=tmp_path / "out")
    assert result.outcome is Outcome.OK
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["second"]


def test_closing_leaves_no_process(environment: Environment) -> None:
    pool = WorkerPool(2)
    run(pool, "1")
    worker = set(pids(pool))
    pool.close()
    assert not await_gone(worker)
