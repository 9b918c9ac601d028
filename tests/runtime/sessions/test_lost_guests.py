"""A session whose guest process is lost while nothing of a run was executed goes on."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from process_lists import await_gone, children_of, guest_side_processes

from hermetic_runtime.reported import Outcome
from hermetic_runtime.sessions import live_guest
from hermetic_runtime.sessions.session import Session

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def guests_since(before: set[int]) -> set[int]:
    """A zygote has children, or is as good as a guest to be killed."""
    return {pid for pid in guest_side_processes() - before if not children_of(pid)}


def test_a_guest_that_is_lost_between_runs_is_replaced(session: Session) -> None:
    before = guest_side_processes()
    session.run("x = 1; open('kept', 'w').write('1')")
    guests = guests_since(before)
    for guest in guests:
        os.kill(guest, signal.SIGKILL)
    assert guests and not await_gone(guests)

    result = session.run("x += 1; [x, open('kept').read()]")

    assert (result.outcome, result.session_restored) == (Outcome.OK, False)
    assert result.value is not None and result.value.json == [2, "1"]


def test_a_guest_that_is_lost_while_it_wakes_is_replaced(session: Session) -> None:
    session.run("x = 1")
    session.hibernate()
    before = guest_side_processes()

    def kill_the_first() -> None:
        while not (guests := guests_since(before)):
            pass
        os.kill(guests.pop(), signal.SIGKILL)

    killing = threading.Thread(target=kill_the_first)
    killing.start()
    session.wake()
    killing.join()

    result = session.run("x += 1; x")

    assert result.value is not None and result.value.json == 2


def test_a_guest_wakes_from_a_state_that_a_lost_one_began_to_read(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a zygote is lost another one's guest gets the same descriptor, and stands where the
    first guest came to.
    """
    session.run("x = 1")
    session.hibernate()
    open_state = live_guest._open_state  # pyright: ignore[reportPrivateUsage]

    def began_to_read(path: Path) -> int:
        descriptor = open_state(path)
        os.lseek(descriptor, 0, os.SEEK_END)
        return descriptor

    monkeypatch.setattr(live_guest, "_open_state", began_to_read)

    result = session.run("x")

    assert result.value is not None and result.value.json == 1


def test_a_guest_that_is_lost_in_a_run_is_not_replaced(session: Session) -> None:
    session.run("x = 1")
    before = guest_side_processes()
    session.hibernate()

    def kill(_: str, __: bytes) -> None:
        for guest in guests_since(before):
            os.kill(guest, signal.SIGKILL)

    result = session.run("x = 2; print('begun')\nwhile True: pass", on_output=kill)

    assert (result.outcome, result.session_restored) == (Outcome.CRASHED, True)
    assert result.stdout.text == "begun\n"
