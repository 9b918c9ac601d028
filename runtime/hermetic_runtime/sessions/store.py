"""All sessions of one state directory."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from hermetic_runtime.cache import private_directory
from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import InvalidName, SessionBusy
from hermetic_runtime.limits import Limits
from hermetic_runtime.sessions.lease import Lease
from hermetic_runtime.sessions.records import SessionRecord, SessionRecords, new_id
from hermetic_runtime.sessions.session_folder import SessionFolder, remove
from hermetic_runtime.sessions.state_directory import state_directory

_NAME_CHARACTERS = 100


class SessionStore:
    """Records, folders and leases. Threads and processes may use one directory at once."""

    def __init__(self, directory: Path | None = None) -> None:
        """`directory` instead of `state_directory()`. Raises `PreparationError`."""
        self._directory = private_directory(directory) if directory else state_directory()
        self._folders = private_directory(self._directory / "sessions")
        self._leases = private_directory(self._directory / "leases")
        self.records = SessionRecords(self._directory / "sessions.sqlite3")

    def lease(self, id: str, wait_seconds: float) -> Lease:  # noqa: A002
        """Raises `SessionBusy`."""
        return Lease(self._leases / f"{id}.lock", wait_seconds)

    def folder(self, id: str) -> SessionFolder:  # noqa: A002
        """Where the files of a session are, or will be."""
        return SessionFolder(self._folders / id)

    def create(
        self,
        name: str | None,
        owner: str,
        environment: Environment,
        limits: Limits,
        variables: Mapping[str, str],
    ) -> tuple[SessionRecord, Lease]:
        """A session that has not run. Raises `NameTaken` and `InvalidName`."""
        id_, now = new_id(), time.time()
        record = SessionRecord(
            id=id_,
            name=checked_name(name) if name is not None else id_,
            owner=owner,
            environment=environment,
            limits=limits,
            variables=dict(variables),
            created=now,
            used=now,
        )
        lease = self.lease(id_, 0)
        try:
            self.folder(id_).make()
            self.records.add(record)
        except BaseException:
            remove(self.folder(id_).path)
            lease.release()
            raise
        return record, lease

    def fork(self, parent: SessionRecord, name: str | None) -> SessionRecord:
        """A copy of a session whose lease the caller has. Raises as `create` does."""
        id_, now = new_id(), time.time()
        chosen = checked_name(name) if name is not None else id_
        child = SessionRecord(
            id=id_,
            name=chosen,
            owner=parent.owner,
            environment=parent.environment,
            limits=parent.limits,
            variables=parent.variables,
            created=now,
            used=now,
            generation=1,
            state="1.state" if parent.state else "",
        )
        source, target = self.folder(parent.id), self.folder(id_)
        lease = self.lease(id_, 0)
        try:
            target.path.mkdir(mode=0o700)
            source.copy(parent, child, into=target)
            self.records.add(child)
        except BaseException:
            remove(target.path)
            raise
        finally:
            lease.release()
        return child

    def delete(self, id: str) -> None:  # noqa: A002
        """Of a session whose lease the caller has."""
        self.records.remove(id)
        remove(self.folder(id).path)
        (self._leases / f"{id}.lock").unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove folders that a process left which was killed while it made or removed them."""
        recorded = {record.id for record in self.records.list()}
        for path in list(self._folders.iterdir()):
            if path.name in recorded:
                continue
            try:
                lease = self.lease(path.name, 0)
            except SessionBusy:
                continue
            try:
                if not self._is_recorded(path.name):
                    remove(path)
            finally:
                lease.release()

    def _is_recorded(self, id: str) -> bool:  # noqa: A002
        return any(record.id == id for record in self.records.list())


def checked_name(name: str) -> str:
    """Raises `InvalidName` for a name that can't be shown on one line or is too long."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidName(f"the name {name!r} is not printable text")
    if len(name) > _NAME_CHARACTERS:
        raise InvalidName(
            f"the name {name[:60]!r}... has {len(name):,} characters, more than {_NAME_CHARACTERS}"
        )
    return name


def list_sessions(owner: str | None = None) -> list[SessionRecord]:
    """The sessions of this user's state directory, the one used last first."""
    return SessionStore().records.list(owner)


def environments_in_use() -> set[Environment]:
    """What sessions build on, which must not be removed from the cache."""
    return SessionStore().records.environments()
