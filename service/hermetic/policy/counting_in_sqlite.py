"""Counters in a file, which every process of this user on this machine shares."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hermetic.errors import CountersUnavailable, StorageError
from hermetic.policy.decisions import CounterKey, Reservation

if TYPE_CHECKING:
    import sqlite3

    from hermetic.database import Database

_FILE = "counters.sqlite3"
_SCHEMA = """
CREATE TABLE counters (
    owner TEXT NOT NULL,
    tool TEXT NOT NULL,
    name TEXT NOT NULL,
    "window" INTEGER NOT NULL,
    start INTEGER NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (owner, tool, name, "window", start)
) STRICT, WITHOUT ROWID;
CREATE INDEX counters_by_end ON counters (start + "window");
"""
_ONE = 'owner = ? AND tool = ? AND name = ? AND "window" = ? AND start = ?'
_READ = f"SELECT value FROM counters WHERE {_ONE}"
_ADD = """
INSERT INTO counters VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET value = value + excluded.value
"""
_TAKE = f"UPDATE counters SET value = max(0.0, value - ?) WHERE {_ONE}"
_REMOVE = 'DELETE FROM counters WHERE "window" > 0 AND start + "window" <= ?'
_REMOVE_EVERY_SECONDS = 60


class SqliteCounters:
    """A `CounterStore`. The file is opened by the first call that counts, and tried again
    by the next when that failed.
    """

    def __init__(self, directory: Path) -> None:
        """`directory` is private to the user, and made if it is not there."""
        self._directory = directory
        self._opening = threading.Lock()
        self._database: Database | None = None
        self._removed = 0

    def read(self, keys: Iterable[CounterKey]) -> Mapping[CounterKey, float]:
        try:
            database = self._open()
            return {key: _value(database.read(_READ, *key)) for key in keys}
        except StorageError as error:
            raise _unavailable(error) from error

    def reserve(self, reservations: Sequence[Reservation]) -> Reservation | None:
        try:
            with self._open().transaction() as connection:
                self._remove_old(connection, (each.key for each in reservations))
                for each in reservations:
                    if each.most is not None:
                        value = _value(connection.execute(_READ, each.key).fetchall())
                        if value + each.amount > each.most:
                            raise _Blocked(each)
                    connection.execute(_ADD, (*each.key, float(each.amount)))
        except _Blocked as blocked:
            return blocked.reservation
        except StorageError as error:
            raise _unavailable(error) from error
        return None

    def give_back(self, reservations: Sequence[Reservation]) -> None:
        self._write(_TAKE, [(float(each.amount), *each.key) for each in reservations])

    def add(self, amounts: Mapping[CounterKey, float]) -> None:
        self._write(_ADD, [(*key, float(amount)) for key, amount in amounts.items()])

    def close(self) -> None:
        with self._opening:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _write(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        try:
            with self._open().transaction() as connection:
                connection.executemany(statement, rows)
        except StorageError as error:
            raise _unavailable(error) from error

    def _open(self) -> Database:
        with self._opening:
            if self._database is None:
                from hermetic.database import Database, Schema

                self._database = Database(self._directory, Schema(_FILE, 1, _SCHEMA))
            return self._database

    def _remove_old(self, connection: sqlite3.Connection, keys: Iterable[CounterKey]) -> None:
        """Windows that had ended when the newest one that is asked for began."""
        newest = max((key.start for key in keys), default=0)
        if newest >= self._removed + _REMOVE_EVERY_SECONDS:
            connection.execute(_REMOVE, (newest,))
            self._removed = newest


class _Blocked(Exception):
    """Undoes the transaction that it is raised in."""

    def __init__(self, reservation: Reservation) -> None:
        super().__init__()
        self.reservation = reservation


def _value(rows: Sequence[Sequence[object]]) -> float:
    return cast(float, rows[0][0]) if rows else 0.0


def _unavailable(error: StorageError) -> CountersUnavailable:
    return CountersUnavailable(
        f"the counters of policy can't be used: {error.message}", hint=error.hint
    )
