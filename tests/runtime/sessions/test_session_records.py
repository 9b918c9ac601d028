"""The records of sessions, as several processes may change them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermetic_runtime.errors import SessionDamaged, SessionNotFound
from hermetic_runtime.sessions.records import CheckpointRecord, SessionRecords


def test_a_checkpoint_of_a_session_that_was_deleted_meanwhile_is_not_kept(tmp_path: Path) -> None:
    records = SessionRecords(tmp_path / "records.db")

    with pytest.raises(SessionNotFound, match="'gone' was deleted meanwhile"):
        records.add_checkpoint(CheckpointRecord("gone", "name", "1.state", "1", 0.0))


def test_a_file_that_holds_no_records_is_damage_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(b"not a database " * 100)

    with pytest.raises(SessionDamaged) as raised:
        SessionRecords(path)
    assert str(path) in (raised.value.hint or "")
