"""Files that the service keeps for its callers: uploads for runs, and what runs made.

An upload is a file that has its id as its name, what a run made is a folder that has the
run's. Both expire.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRandom
from typing import cast

from hermetic.database import Database
from hermetic.errors import NotAllowed, StorageError, UnknownFile
from hermetic.grants import Grant
from hermetic.settings import ServiceSettings
from hermetic_runtime.limits import Limits
from hermetic_runtime.request_bounds import FILES_BYTES
from hermetic_runtime.sessions.workspace import Workspace

UPLOAD_BYTES = FILES_BYTES
"""The most of one upload: what a run may be given."""

_log = logging.getLogger("hermetic.files")
_INCOMING = "incoming-"
_UPLOAD = re.compile(r"file_[0-9a-f]{32}")
_RUN = re.compile(r"run_[0-9a-f]{32}")
_SWEEP_SECONDS = 60.0
_LEFT_SECONDS = 2 * 86_400.0
"""Files that nothing tells of are removed after this: no run takes so long."""
_TABLES = """
CREATE TABLE IF NOT EXISTS files (
    id TEXT PRIMARY KEY,
    grant_id TEXT NOT NULL,
    size INTEGER NOT NULL,
    created REAL NOT NULL,
    expires REAL NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """An upload. `size` in bytes, times in seconds since the epoch."""

    id: str
    size: int
    created: float
    expires: float


class KeptFiles:
    """Everything here may wait for a disk; any thread may call."""

    def __init__(self, database: Database, settings: ServiceSettings) -> None:
        """Raises `StorageError`."""
        self._database = database
        self._settings = settings
        self._folder = settings.data_directory / "files"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self._folder} can't be used: {error.strerror}") from error
        with database.transaction() as connection:
            connection.execute(_TABLES)

    @contextmanager
    def incoming(self) -> Generator[BufferedRandom]:
        """A new file, which is gone at the end unless it was taken in."""
        path = self._folder / f"{_INCOMING}{secrets.token_hex(16)}"
        try:
            with path.open("x+b") as file:
                yield file
        finally:
            path.unlink(missing_ok=True)

    def room(self, grant: Grant) -> int:
        """How many bytes the grant may still keep."""
        query = "SELECT coalesce(sum(size), 0) FROM files WHERE grant_id = ?"
        used = cast("int", self._database.read(query, grant.id)[0][0])
        return max(0, self._settings.file_bytes_per_grant - used)

    def take_in(self, grant: Grant, file: BufferedRandom) -> KeptFile:
        """Keep a file that came in. Raises `NotAllowed` when it is too much for the grant."""
        file.flush()
        size, now = os.fstat(file.fileno()).st_size, time.time()
        if size > self.room(grant):
            raise _no_room(self._settings.file_bytes_per_grant)
        kept = KeptFile(
            f"file_{secrets.token_hex(16)}", size, now, now + self._settings.uploads_seconds
        )
        os.link(file.name, self._folder / kept.id)
        self._record(grant, kept)
        return kept

    def _record(self, grant: Grant, kept: KeptFile) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO files (id, grant_id, size, created, expires)"
                " VALUES (?, ?, ?, ?, ?)",
                (kept.id, grant.id, kept.size, kept.created, kept.expires),
            )

    def uploads(self, grant: Grant) -> list[KeptFile]:
        """The oldest first."""
        query = (
            "SELECT id, size, created, expires FROM files"
            " WHERE grant_id = ? AND id GLOB 'file_*' AND expires > ? ORDER BY created"
        )
        rows = self._database.read(query, grant.id, time.time())
        return [KeptFile(*cast("tuple[str, int, float, float]", row)) for row in rows]

    def read(self, grant: Grant, upload: str) -> bytes:
        """Raises `UnknownFile`."""
        self._check(grant, upload, _UPLOAD)
        try:
            return (self._folder / upload).read_bytes()
        except OSError:
            raise _unknown(upload) from None

    def remove(self, grant: Grant, upload: str) -> None:
        """Raises `UnknownFile`."""
        self._check(grant, upload, _UPLOAD)
        self._forget(upload)

    def _check(self, grant: Grant, name: str, form: re.Pattern[str]) -> None:
        query = "SELECT 1 FROM files WHERE id = ? AND grant_id = ? AND expires > ?"
        known = form.fullmatch(name) and self._database.read(query, name, grant.id, time.time())
        if not known:
            raise _unknown(name)

    def _forget(self, name: str) -> None:
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM files WHERE id = ?", (name,))
        path = self._folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def check_room(self, grant: Grant) -> None:
        """Before a run whose files are kept. Raises `NotAllowed`."""
        if not self.room(grant):
            raise _no_room(self._settings.file_bytes_per_grant)

    def take_made(self, grant: Grant, run: str) -> None:
        """Keep the files that a run made, which are in its folder. They may be none."""
        (self._folder / run).mkdir(parents=True, exist_ok=True)
        now = time.time()
        size = self._made(run).usage().bytes
        self._record(grant, KeptFile(run, size, now, now + self._settings.kept_seconds))

    def take_made_if_room(self, grant: Grant, run: str) -> bool:
        """Keep the files that a run made unless the grant keeps all it may; whether they are."""
        if not self.room(grant):
            self.drop_made(run)
            return False
        self.take_made(grant, run)
        return True

    def drop_empty(self, run: str) -> bool:
        """Remove the folder of a run that made nothing, as quickly as it was made: an event loop
        may call this. Whether there is nothing any more.
        """
        try:
            (self._folder / run).rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def drop_made(self, run: str) -> None:
        """Remove what a run made and nobody keeps."""
        shutil.rmtree(self._folder / run, ignore_errors=True)

    def made(self, grant: Grant, run: str) -> Workspace:
        """The files that a run made. Raises `UnknownFile` when none are kept."""
        try:
            self._check(grant, run, _RUN)
        except UnknownFile:
            raise UnknownFile(
                f"no files are kept of the run {run[:60]!r}",
                hint="They are when the run is ordered with keep_files, and has ended.",
            ) from None
        return self._made(run)

    def _made(self, run: str) -> Workspace:
        return Workspace(self._folder / run, Limits())

    def forget_made(self, run: str) -> None:
        """Of a run that nobody asks for any more."""
        if _RUN.fullmatch(run):
            self._forget(run)

    async def sweep(self) -> None:
        """Remove what has expired, now and then, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self._remove_expired)
            except (StorageError, OSError):
                _log.exception("expired files could not be removed")
            await asyncio.sleep(_SWEEP_SECONDS)

    def _remove_expired(self) -> None:
        rows = self._database.read("SELECT id FROM files WHERE expires < ?", time.time())
        for (name,) in rows:
            self._forget(cast("str", name))
        known = {name for (name,) in self._database.read("SELECT id FROM files")}
        for entry in list(os.scandir(self._folder)):
            old = entry.stat(follow_symlinks=False).st_mtime < time.time() - _LEFT_SECONDS
            if old and entry.name not in known:
                self._forget(entry.name)


def _unknown(name: str) -> UnknownFile:
    return UnknownFile(
        f"there is no file {name[:60]!r}", hint="It may have expired: upload it again."
    )


def _no_room(most: int) -> NotAllowed:
    return NotAllowed(
        f"this key may keep {most:,} bytes of files, and this would be more",
        hint="Delete uploads and runs that are no longer needed.",
    )
