"""Files in which the service keeps what must last: SQLite, private to the user."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from hermetic.errors import StorageError

_BUSY_SECONDS = 10.0


class Schema(NamedTuple):
    """The name of a file, and the SQL statements that make the tables of its `version`.

    `changes` are the statements that lead from version 1 to 2, from 2 to 3, and so on.
    """

    file: str
    version: int
    statements: str
    changes: tuple[str, ...] = ()


KEYS_AND_RUNS = Schema(
    "hermetic.sqlite3",
    2,
    """
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    limits TEXT NOT NULL,
    created REAL NOT NULL,
    revoked REAL,
    shared INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    grant_id TEXT NOT NULL,
    state TEXT NOT NULL,
    created REAL NOT NULL,
    finished REAL,
    run_order TEXT,
    result TEXT,
    idempotency_key TEXT,
    request_hash BLOB,
    UNIQUE (grant_id, idempotency_key)
) STRICT;
CREATE INDEX runs_by_finished ON runs (finished);
""",
    ("ALTER TABLE keys ADD COLUMN shared INTEGER NOT NULL DEFAULT 0",),
)


class Database:
    """One connection, which any thread may use. Closing is the owner's."""

    def __init__(self, directory: Path, schema: Schema = KEYS_AND_RUNS) -> None:
        """Raises `StorageError` when the folder is not private or the file can't be used."""
        path = private_data_directory(directory) / schema.file
        self._schema = schema
        self._lock = threading.Lock()
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.close(descriptor)
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"the database {path} can't be used: {error}") from error

    def _migrate(self) -> None:
        with self.transaction() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > self._schema.version:
                raise StorageError(
                    f"the database was written by a newer version of Hermetic (schema {version})",
                    hint="Start that version, or choose another data folder.",
                )
            schema = self._schema
            wanted = (schema.statements,) if version == 0 else schema.changes[version - 1 :]
            for statements in wanted:
                for statement in filter(str.strip, statements.split(";")):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {schema.version}")

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """All or nothing of what is done inside. Raises `StorageError`."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise StorageError(f"the database failed: {error}") from error

    def read(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """The rows of a query. Raises `StorageError`."""
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise StorageError(f"the database failed: {error}") from error

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def private_data_directory(directory: Path) -> Path:
    """The folder, made if it is not there.

    Raises `StorageError` when it can't be used or is not private to the user.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.stat()
    except OSError as error:
        raise StorageError(
            f"the data folder {directory} can't be used: {error.strerror}",
            hint="Set HERMETIC_DATA_DIRECTORY to a folder that you can write to.",
        ) from error
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise StorageError(
            f"the data folder {directory} is not private",
            hint=f"It holds keys and results: chmod 700 {directory}",
        )
    return directory
