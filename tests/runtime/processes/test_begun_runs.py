"""Runs that somebody else waits for than the thread that began them."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from begun_runs import Asked, ask, begin, pid_of
from conditions import comes_true
from process_lists import stop

from hermetic_runtime.beginning_sandbox import BeginningSandbox
from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.input_source import open_input
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.processes.spares import SparePool
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import RunRequest
from hermetic_runtime.sandbox import Sandbox


@pytest.fixture(scope="module")
def pool() -> Iterator[SparePool]:
    pool = SparePool(2)
    yield pool
    pool.close()


def test_a_run_ends_while_somebody_only_looks(pool: SparePool) -> None:
    asked = begin(pool, "print('hello'); 6 * 7")

    assert asked.ends()
    result = asked.result()
    assert (result.outcome, result.stdout.text) == (Outcome.OK, "hello\n")
    assert result.value is not None and result.value.json == 42
    assert asked.sandbox.closed


def test_the_time_of_a_run_counts_from_when_it_was_begun(pool: SparePool) -> None:
    asked = begin(pool, "import time; time.sleep(0.3)")

    assert asked.ends()
    assert asked.result().timings.run >= 0.3


def test_nothing_is_begun_where_no_guest_waits() -> None:
    pool = SparePool(1)
    try:
        asked = ask(pool, "print('hello')")
        assert asked.begun is None
        assert asked.result().stdout.text == "hello\n"
    finally:
        pool.close()


def test_input_is_given_by_who_looks(pool: SparePool) -> None:
    asked = begin(pool, "print(input()[::-1])", stdin=b"desserts\n")

    assert asked.ends()
    assert asked.result().stdout.text == "stressed\n"


def test_files_and_displays_are_written_by_a_thread(pool: SparePool, tmp_path: Path) -> None:
    asked = begin(pool, "open('made.txt', 'w').write('here')", out=tmp_path)

    assert not asked.ends()
    assert asked.begun is not None and not asked.begun.needs_only_looks
    assert asked.result().written == ["made.txt"]
    assert (tmp_path / "made.txt").read_text() == "here"


def test_who_makes_no_files_gets_no_folder(pool: SparePool, tmp_path: Path) -> None:
    begin(pool, "0", out=tmp_path / "one").result()
    found: list[Asked] = []

    def begins() -> bool:
        found.append(ask(pool, "0", out=tmp_path / "two"))
        return found[-1].begun is not None

    assert comes_true(begins)
    assert found[-1].ends()
    assert found[-1].result().written == []
    assert not (tmp_path / "two").exists()


def test_a_run_that_lasts_is_ended_at_its_deadline_by_who_carries_on(pool: SparePool) -> None:
    asked = begin(pool, "while True: pass", limits=Limits(wall_seconds=0.5))

    assert asked.begun is not None
    assert not select.select([asked.begun], [], [], 0.1)[0]
    assert asked.begun.needs_only_looks
    assert asked.result().outcome is Outcome.TIMEOUT


def test_a_run_that_is_cancelled_meanwhile_needs_a_thread(pool: SparePool) -> None:
    asked = begin(pool, "while True: pass")
    asked.sandbox.cancel()

    assert not asked.ends()
    assert asked.result().outcome is Outcome.CANCELLED


def test_a_guest_that_is_lost_is_explained_by_who_carries_on(pool: SparePool) -> None:
    asked = begin(pool, "print('here', flush=True)\nwhile True: pass", limits=Limits())
    assert asked.begun is not None
    assert comes_true(lambda: not asked.begun or (not asked.begun.look() and _has_output(asked)))
    os.kill(pid_of(asked.sandbox._guest._driver), signal.SIGKILL)

    assert not asked.ends()
    assert asked.result().outcome is Outcome.CRASHED


def _has_output(asked: Asked) -> bool:
    return bool(asked.output.text("stdout", truncated=False).text)


def test_a_guest_that_is_lost_before_it_took_the_run_is_replaced() -> None:
    with closing(SparePool(1)) as pool:
        asked, pid = ask_a_stopped_spare(pool, "print('once')")
        os.kill(pid, signal.SIGKILL)

        assert not asked.ends()
        assert asked.result().stdout.text == "once\n"


def ask_a_stopped_spare(pool: SparePool, code: str) -> tuple[Asked, int]:
    """The run, and the process that does not take it until it is continued."""
    with Sandbox(spares=pool) as sandbox:
        sandbox.run("0", final=True)
    assert comes_true(lambda: pool.ready == 1)
    [demand] = pool._demands.values()
    pid = pid_of(demand.spares[0])
    stop(pid)
    asked = ask(pool, code)
    assert asked.begun is not None
    assert pid_of(asked.sandbox._guest._driver) == pid
    return asked, pid


def test_a_request_that_the_socket_does_not_take_at_once_needs_a_thread() -> None:
    text = "x" * 2_000_000
    with closing(SparePool(1)) as pool:
        asked, pid = ask_a_stopped_spare(pool, f"len({text!r})")

        assert asked.begun is not None and not asked.begun.needs_only_looks
        os.kill(pid, signal.SIGCONT)
        result = asked.result()
    assert result.value is not None and result.value.json == 2_000_000


def test_what_needs_packages_or_variables_is_not_begun(pool: SparePool) -> None:
    begin(pool, "0").result()
    request, output = RunRequest(b"0", final=True), CapturedOutput(MIB, None)
    for sandbox in (
        BeginningSandbox(spares=pool, requirements=["six"]),
        BeginningSandbox(spares=pool, env={"NAME": "value"}),
        BeginningSandbox(spares=pool, interpreter="wasi"),
        BeginningSandbox(),
    ):
        with sandbox:
            assert sandbox.begin(request, output, open_input(None)) is None
