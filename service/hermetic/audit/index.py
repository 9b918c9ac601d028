"""The audit log as a table, for questions.

It is made from the files and brought up to date when it is asked, so it can't disagree
with them, costs calls nothing, and can be removed at any time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from hermetic.audit.log import private_log_directory, segments
from hermetic.database import Database, Schema
from hermetic.errors import StorageError

_SCHEMA = Schema(
    "audit-index.sqlite3",
    1,
    """
CREATE TABLE records (
    segment TEXT NOT NULL,
    position INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    time REAL NOT NULL,
    event TEXT NOT NULL,
    call TEXT,
    approval TEXT,
    grant_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (segment, position)
) STRICT;
CREATE INDEX records_by_sequence ON records (sequence);
CREATE INDEX records_by_call ON records (call);
CREATE INDEX records_by_approval ON records (approval);
CREATE INDEX records_by_time ON records (time);
CREATE TABLE segments (name TEXT PRIMARY KEY, indexed INTEGER NOT NULL) STRICT;
""",
)
_PAGE = 500


class AuditIndex:
    """Of the log in one directory. Raises `StorageError` when it can't be used."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        private_log_directory(directory)
        self._database = Database(directory, _SCHEMA)

    def tail(self, number: int) -> list[str]:
        """The last records, the oldest of them first, as they were written."""
        self._catch_up()
        query = "SELECT line FROM records ORDER BY sequence DESC LIMIT ?"
        return [cast(str, line) for (line,) in reversed(self._database.read(query, number))]

    def of(self, id: str) -> list[str]:  # noqa: A002
        """All records of one call, or of one approval."""
        self._catch_up()
        query = "SELECT line FROM records WHERE call = ? OR approval = ? ORDER BY sequence"
        return [cast(str, line) for (line,) in self._database.read(query, id, id)]

    def export(
        self,
        *,
        since: float = 0.0,
        until: float | None = None,
        grant: str | None = None,
        tool: str | None = None,
    ) -> Iterator[str]:
        """The records from `since` until before `until`, in seconds since the epoch."""
        self._catch_up()
        query = (
            "SELECT sequence, line FROM records WHERE sequence > ? AND time >= ?"
            " AND (? IS NULL OR time < ?) AND (? IS NULL OR grant_id = ?)"
            " AND (? IS NULL OR tool = ?) ORDER BY sequence LIMIT ?"
        )
        sequence = -1
        while True:
            given = (sequence, since, until, until, grant, grant, tool, tool, _PAGE)
            rows = cast("list[tuple[int, str]]", self._database.read(query, *given))
            yield from (line for _, line in rows)
            if len(rows) < _PAGE:
                return
            sequence = rows[-1][0]

    def close(self) -> None:
        self._database.close()

    def _catch_up(self) -> None:
        files = {path.name: path for path in segments(self._directory)}
        with self._database.transaction() as connection:
            query = "SELECT name, indexed FROM segments"
            indexed = dict(cast("list[tuple[str, int]]", connection.execute(query).fetchall()))
            for name, path in files.items():
                try:
                    size = path.stat().st_size
                    known = indexed.pop(name, 0)
                    if size < known:
                        known = _forget(connection, name)
                    if size > known:
                        _read_on(connection, path, known)
                except OSError as error:
                    raise StorageError(
                        f"the audit log {path} can't be read: {error.strerror}"
                    ) from error
            for name in indexed:
                _forget(connection, name)


def _forget(connection: sqlite3.Connection, name: str) -> int:
    connection.execute("DELETE FROM records WHERE segment = ?", (name,))
    connection.execute("DELETE FROM segments WHERE name = ?", (name,))
    return 0


def _read_on(connection: sqlite3.Connection, path: Path, position: int) -> None:
    with path.open("rb") as file:
        file.seek(position)
        for line in file:
            if not line.endswith(b"\n"):
                break
            row = _row(line)
            if row is not None:
                connection.execute(
                    "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (path.name, position, *row),
                )
            position += len(line)
    connection.execute("INSERT OR REPLACE INTO segments VALUES (?, ?)", (path.name, position))


def _row(line: bytes) -> tuple[object, ...] | None:
    """None of a line that is no record of ours: `verify` tells of those."""
    try:
        record = json.loads(line)
        fields = cast("dict[str, Any]", record)
        return (
            int(fields["sequence"]),
            float(fields["time"]),
            str(fields["event"]),
            fields.get("call"),
            fields.get("approval"),
            str(fields["grant"]),
            str(fields["tool"]),
            line[:-1].decode("ascii"),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
