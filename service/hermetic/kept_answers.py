"""Answers to requests with an idempotency key, kept so that a repetition gets them again."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast
from weakref import WeakValueDictionary

from hermetic.database import Database
from hermetic.errors import IdempotencyConflict, StorageError
from hermetic.grants import Grant
from hermetic.settings import ServiceSettings

_log = logging.getLogger("hermetic.http")
_SWEEP_SECONDS = 60.0
_TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    grant_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (grant_id, idempotency_key)
) STRICT
"""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What is sent, once or again."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class KeptAnswers:
    """Belongs to one event loop; the database is used in threads beside it."""

    def __init__(self, database: Database, settings: ServiceSettings) -> None:
        self._database = database
        self._settings = settings
        self._under_way: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        with database.transaction() as connection:
            connection.execute(_TABLES)

    async def once(
        self,
        grant: Grant,
        key: str,
        request_hash: bytes,
        work: Callable[[], Awaitable[KeptAnswer]],
    ) -> KeptAnswer:
        """Do `work`, unless it was done before. What it raises is not kept.

        Raises `IdempotencyConflict` when the key was used for another request.
        """
        lock = self._under_way.setdefault((grant.id, key), asyncio.Lock())
        async with lock:
            earlier = await asyncio.to_thread(self._find, grant, key, request_hash)
            if earlier is not None:
                return earlier
            answer = await work()
            await asyncio.to_thread(self._keep, grant, key, request_hash, answer)
            return answer

    def _find(self, grant: Grant, key: str, request_hash: bytes) -> KeptAnswer | None:
        query = (
            "SELECT request_hash, status, headers, body FROM answers"
            " WHERE grant_id = ? AND idempotency_key = ?"
        )
        rows = cast(
            "list[tuple[bytes, int, str, bytes]]", self._database.read(query, grant.id, key)
        )
        if not rows:
            return None
        before, status, headers, body = rows[0]
        if before != request_hash:
            raise IdempotencyConflict(
                "this idempotency key was used for another request",
                hint="Make a new key for each request; repeat one only with the same body.",
            )
        return KeptAnswer(status, json.loads(headers), body)

    def _keep(self, grant: Grant, key: str, request_hash: bytes, answer: KeptAnswer) -> None:
        headers = json.dumps(dict(answer.headers))
        values = (grant.id, key, request_hash, answer.status, headers, answer.body, time.time())
        with self._database.transaction() as connection:
            connection.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    async def sweep(self) -> None:
        """Forget what has expired, now and then, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self._remove_expired)
            except StorageError:
                _log.exception("expired answers could not be removed")
            await asyncio.sleep(_SWEEP_SECONDS)

    def _remove_expired(self) -> None:
        with self._database.transaction() as connection:
            before = time.time() - self._settings.kept_seconds
            connection.execute("DELETE FROM answers WHERE created < ?", (before,))
