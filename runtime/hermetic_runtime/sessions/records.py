"""The records of sessions: one SQLite file. What it names is good; the rest is swept.

A new state is written to a new file, synchronised, and only then named here, so that
whatever moment a process is killed at, the record names a state that is whole.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import NameTaken, SessionDamaged, SessionNotFound
from hermetic_runtime.limits import Limits

_FORMAT = 1
_WAIT_SECONDS = 30.0
_TABLES = """
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    environment BLOB NOT NULL,
    limits TEXT NOT NULL,
    variables TEXT NOT NULL,
    created REAL NOT NULL,
    used REAL NOT NULL,
    generation INTEGER NOT NULL,
    state TEXT NOT NULL,
    workspace TEXT NOT NULL,
    UNIQUE (owner, name)
);
CREATE TABLE IF NOT EXISTS checkpoints (
    session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    workspace TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (session, name)
);
"""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What is known of a session. `state` is the name of its state file, empty for one that
    has not run, `workspace` that of its folder; `created` and `used` are seconds since 1970.
    """

    id: str
    name: str
    owner: str
    environment: Environment
    limits: Limits
    variables: dict[str, str]
    created: float
    used: float
    generation: int = 0
    state: str = ""
    workspace: str = "workspace"


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """A state and a copy of the workspace under a name."""

    session: str
    name: str
    state: str
    workspace: str
    created: float


def new_id() -> str:
    """16 hexadecimal digits, at random."""
    return secrets.token_hex(8)


class SessionRecords:
    """The records in one file. Any number of threads and processes may use it.

    Everything raises `SessionDamaged` when the file can't be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._transaction() as database:
            database.executescript(_TABLES)
            database.execute(f"PRAGMA user_version = {_FORMAT}")

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=_WAIT_SECONDS)) as database:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = FULL")
                database.execute("PRAGMA foreign_keys = ON")
                with database:
                    yield database
        except sqlite3.Error as error:
            raise SessionDamaged(
                f"the records of sessions can't be used: {error}", hint=f"They are in {self._path}."
            ) from error

    def add(self, record: SessionRecord) -> None:
        """Raises `NameTaken` when its owner has one of this name."""
        values = (
            record.id,
            record.name,
            record.owner,
            record.environment.encode(),
            json.dumps(asdict(record.limits)),
            json.dumps(record.variables),
            record.created,
            record.used,
            record.generation,
            record.state,
            record.workspace,
        )
        with self._transaction() as database:
            try:
                database.execute(
                    "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values
                )
            except sqlite3.IntegrityError as error:
                raise NameTaken(
                    f"there is already a session {record.name!r}",
                    hint="Choose another name, or delete the session that has it.",
                ) from error

    def find(self, id_or_name: str, owner: str = "") -> SessionRecord:
        """Raises `SessionNotFound`. Names are looked up among those of `owner`."""
        query = "SELECT * FROM sessions WHERE owner = ? AND (id = ? OR name = ?) ORDER BY id = ?"
        with self._transaction() as database:
            row = database.execute(query, (owner, id_or_name, id_or_name, id_or_name)).fetchone()
        if row is None:
            raise SessionNotFound(
                f"there is no session {id_or_name!r}", hint="`hermetic session list` shows all."
            )
        return _session(row)

    def list(self, owner: str | None = None) -> list[SessionRecord]:
        """Those of `owner`, or of everyone; the one that was used last comes first."""
        where, values = ("WHERE owner = ?", (owner,)) if owner is not None else ("", ())
        with self._transaction() as database:
            rows = database.execute(f"SELECT * FROM sessions {where} ORDER BY used DESC", values)
            return [_session(row) for row in rows]

    def advance(self, record: SessionRecord) -> None:
        """The session's generation, state and workspace are now these.

        Raises `SessionNotFound` when it was deleted meanwhile.
        """
        with self._transaction() as database:
            changed = database.execute(
                "UPDATE sessions SET generation = ?, state = ?, workspace = ?, used = ?"
                " WHERE id = ?",
                (record.generation, record.state, record.workspace, time.time(), record.id),
            )
            if changed.rowcount != 1:
                raise _deleted(record.name)

    def remove(self, id: str) -> None:  # noqa: A002
        """With its checkpoints. What is not there is no error."""
        with self._transaction() as database:
            database.execute("DELETE FROM sessions WHERE id = ?", (id,))

    def add_checkpoint(self, checkpoint: CheckpointRecord) -> None:
        """Takes the place of one of the same name.

        Raises `SessionNotFound` when the session was deleted meanwhile.
        """
        values = (
            checkpoint.session,
            checkpoint.name,
            checkpoint.state,
            checkpoint.workspace,
            checkpoint.created,
        )
        with self._transaction() as database:
            try:
                database.execute(
                    "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?)", values
                )
            except sqlite3.IntegrityError as error:
                raise _deleted(checkpoint.session) from error

    def remove_checkpoint(self, id: str, name: str) -> None:  # noqa: A002
        """What is not there is no error."""
        with self._transaction() as database:
            database.execute("DELETE FROM checkpoints WHERE session = ? AND name = ?", (id, name))

    def checkpoints(self, id: str) -> list[CheckpointRecord]:  # noqa: A002
        """The oldest first."""
        query = "SELECT * FROM checkpoints WHERE session = ? ORDER BY created"
        with self._transaction() as database:
            return [CheckpointRecord(*row) for row in database.execute(query, (id,))]

    def environments(self) -> set[Environment]:
        """What sessions build on: it must not be removed while they are there."""
        return {record.environment for record in self.list()}


def _deleted(session: str) -> SessionNotFound:
    return SessionNotFound(
        f"the session {session!r} was deleted meanwhile", hint="`hermetic session list` shows all."
    )


def _session(row: tuple[Any, ...]) -> SessionRecord:
    try:
        id_, name, owner, environment, limits, variables, created, used, *place = row
        return SessionRecord(
            id_,
            name,
            owner,
            Environment.decode(environment),
            Limits(**json.loads(limits)),
            json.loads(variables),
            created,
            used,
            *place,
        )
    except (TypeError, ValueError) as error:
        raise SessionDamaged(
            f"the record of a session can't be read: {error}",
            hint="It was changed, or a newer version of Hermetic wrote it.",
        ) from error
