"""Who waits for a run: the event loop, until it needs a thread."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from hermetic.awaiting_ends import QUICK_SECONDS, await_end
from hermetic_runtime.driver import DrivenRun


class FakeRun:
    """Ends when a byte comes; `b"?"` is more than a look can deal with."""

    def __init__(self) -> None:
        self.guest, self._ours = socket.socketpair()
        self.needs_only_looks = True
        self.looks = 0

    def fileno(self) -> int:
        return self._ours.fileno()

    def look(self) -> bool:
        self.looks += 1
        came = self._ours.recv(1)
        self.needs_only_looks = came != b"?"
        return came == b"!"

    def finish(self) -> DrivenRun:
        raise AssertionError("the one who is called does that")

    def close(self) -> None:
        self.guest.close()
        self._ours.close()


async def said_of(run: FakeRun, sent: bytes = b"") -> list[bool]:
    """What is said of the run, within a time in which all that is said is."""
    said: list[bool] = []
    await_end(run, lambda *, has_ended: said.append(has_ended))
    run.guest.send(sent)
    await asyncio.sleep(3 * QUICK_SECONDS)
    return said


@pytest.fixture
def run() -> Iterator[FakeRun]:
    run = FakeRun()
    yield run
    run.close()


def test_a_quick_run_ends_in_the_event_loop(run: FakeRun) -> None:
    assert asyncio.run(said_of(run, b"!")) == [True]


def test_what_comes_before_the_end_is_looked_at(run: FakeRun) -> None:
    assert asyncio.run(said_of(run, b"..!")) == [True]
    assert run.looks == 3


def test_a_run_that_lasts_gets_a_thread(run: FakeRun) -> None:
    assert asyncio.run(said_of(run)) == [False]


def test_a_run_that_needs_more_than_a_look_gets_one_as_soon_as_that_is_known(run: FakeRun) -> None:
    assert asyncio.run(said_of(run, b"??")) == [False]
    assert run.looks == 1


def test_one_that_needs_it_from_the_beginning_is_not_looked_at(run: FakeRun) -> None:
    run.needs_only_looks = False

    assert asyncio.run(said_of(run, b"!")) == [False]
    assert run.looks == 0
