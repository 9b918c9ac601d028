"""A session that is woken, given globals, and cancelled; checkpoints that are dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermetic_runtime.driver import Isolation
from hermetic_runtime.errors import SessionNotFound
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.reported import Outcome
from hermetic_runtime.sessions import sleeping_guest
from hermetic_runtime.sessions.live_guest import LiveGuest
from hermetic_runtime.sessions.records import SessionRecord
from hermetic_runtime.sessions.session import Session


def test_inputs_become_globals_that_stay(session: Session) -> None:
    session.run("1", inputs={"n": [1, 2]})

    result = session.run("n")

    assert result.value is not None and result.value.json == [1, 2]


def test_a_session_can_be_woken_before_its_run(session: Session) -> None:
    session.wake()

    assert session.is_live
    assert session.run("1").timings.start > 0
    assert session.run("1").timings.start == 0


def test_a_large_heap_is_woken_whole(session: Session) -> None:
    session.run(
        "import hashlib, os\n"
        "heap = os.urandom(20_000_000) + bytes(range(256)) * 40_000\n"
        "digest = hashlib.sha256(heap).digest()"
    )
    session.hibernate()

    result = session.run("hashlib.sha256(heap).digest() == digest")

    assert result.value is not None and result.value.json is True


def test_a_run_that_was_cancelled_before_it_began_never_begins(session: Session) -> None:
    session.run("x = 1")
    session.wake()
    session.cancel()

    result = session.run("x = 2")

    assert (result.outcome, result.session_restored) == (Outcome.CANCELLED, True)
    kept = session.run("x")
    assert kept.value is not None and kept.value.json == 1


def test_a_run_that_was_cancelled_while_its_guest_was_woken_never_begins(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.run("x = 1")
    session.hibernate()

    def cancelled_meanwhile(
        record: SessionRecord, workspace: Path, state: Path | None, isolation: Isolation
    ) -> LiveGuest:
        session.cancel()
        return LiveGuest(record, workspace, state, isolation)

    monkeypatch.setattr(sleeping_guest, "LiveGuest", cancelled_meanwhile)
    result = session.run("x = 2")
    monkeypatch.undo()

    assert (result.outcome, result.session_restored) == (Outcome.CANCELLED, True)
    kept = session.run("x")
    assert kept.value is not None and kept.value.json == 1


def test_a_checkpoint_that_was_dropped_is_gone(session: Session) -> None:
    session.checkpoint("one")
    session.drop_checkpoint("one")

    assert session.checkpoints() == []
    with pytest.raises(SessionNotFound):
        session.drop_checkpoint("one")


def test_a_file_that_is_open_stays_as_it_was(session: Session) -> None:
    session.files.put("a", b"before")
    with session.workspace.open("a") as file:
        session.files.put("a", b"after")
        assert file.read() == b"before"


def test_two_names_of_one_file_stay_two_names_of_one(directory: Path) -> None:
    with Session.create(interpreter="wasi", directory=directory) as session:
        session.run("import os; open('/tmp/a', 'w').write('1'); os.link('/tmp/a', '/tmp/b')")
        session.hibernate()

        result = session.run("open('/tmp/a', 'w').write('2'); open('/tmp/b').read()")

        assert result.value is not None and result.value.json == "2"


def test_what_the_disk_allowed_once_is_still_there_when_the_workspace_has_grown(
    directory: Path,
) -> None:
    limits = Limits(disk_bytes=4 * MIB)
    with Session.create(limits=limits, interpreter="pyodide", directory=directory) as session:
        session.run("open('/tmp/kept', 'wb').write(bytes(3 << 20))")
        session.hibernate()
        session.files.put("grown", bytes(3 * MIB))

        result = session.run("import os; os.path.getsize('/tmp/kept')")

        assert result.value is not None and result.value.json == 3 * MIB
