"""API keys: made here, shown once, kept as hashes.

A key is `hk_`, its public id, `_`, and 256 random bits; so a plain hash is enough, and
nothing can be learned from how long the search for it takes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from typing import NamedTuple, cast

from hermetic.database import Database
from hermetic.errors import InvalidInput, Unauthenticated, UnknownKey
from hermetic.grants import Grant, decode_limits, encode_limits
from hermetic_runtime.limits import Limits

_ID_BYTES = 6
_SECRET_BYTES = 32
_FORM = re.compile(r"hk_([0-9a-f]{12})_[0-9a-f]{64}")
_NAME_CHARACTERS = 100
_NOBODY = hashlib.sha256(b"no key has this hash").digest()


class NewKey(NamedTuple):
    """`text` is the key itself, which can't be had again."""

    id: str
    text: str


class KeyRecord(NamedTuple):
    """What is known of a key. Times in seconds since the epoch."""

    id: str
    name: str
    limits: Limits
    created: float
    revoked: float | None
    shared: bool


class KeyStore:
    """The keys of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, limits: Limits = Limits(), *, shared: bool = False) -> NewKey:
        """The grant of a `shared` key is.

        Raises `InvalidInput` for a name that is empty, too long or not printable.
        """
        if not name or len(name) > _NAME_CHARACTERS or not name.isprintable():
            raise InvalidInput(
                f"the name {name[:60]!r} of a key is not 1 to {_NAME_CHARACTERS} printable"
                " characters"
            )
        key = secrets.token_hex(_ID_BYTES)
        text = f"hk_{key}_{secrets.token_hex(_SECRET_BYTES)}"
        values = (key, name, _digest(text), encode_limits(limits), time.time(), shared)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO keys (id, name, secret_hash, limits, created, shared)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
        return NewKey(key, text)

    def list(self) -> list[KeyRecord]:
        """All keys that were ever made, the oldest first."""
        query = "SELECT id, name, limits, created, revoked, shared FROM keys ORDER BY created"
        rows = cast(
            "list[tuple[str, str, str, float, float | None, int]]", self._database.read(query)
        )
        return [
            KeyRecord(key, name, decode_limits(limits), created, revoked, bool(shared))
            for key, name, limits, created, revoked, shared in rows
        ]

    def revoke(self, key: str) -> None:
        """From now on the key is refused. Raises `UnknownKey`."""
        with self._database.transaction() as connection:
            found = connection.execute(
                "UPDATE keys SET revoked = coalesce(revoked, ?) WHERE id = ?", (time.time(), key)
            ).rowcount
        if not found:
            raise UnknownKey(
                f"there is no key {key[:60]!r}", hint="`hermetic key list` shows the ids."
            )

    def grant(self, key: str) -> Grant | None:
        """The grant of a key's id, unless there is none or it was revoked."""
        query = "SELECT name, limits, shared FROM keys WHERE id = ? AND revoked IS NULL"
        rows = cast("list[tuple[str, str, int]]", self._database.read(query, key))
        for name, limits, shared in rows:
            return Grant(key, name, decode_limits(limits), bool(shared))
        return None

    def authenticate(self, text: str) -> Grant:
        """The grant of a key. Raises `Unauthenticated`, without saying why."""
        form = _FORM.fullmatch(text)
        query = "SELECT name, limits, secret_hash, revoked, shared FROM keys WHERE id = ?"
        rows = cast(
            "list[tuple[str, str, bytes, float | None, int]]",
            self._database.read(query, form[1] if form else ""),
        )
        name, limits, expected, revoked, shared = rows[0] if rows else ("", "{}", _NOBODY, None, 0)
        same = hmac.compare_digest(_digest(text), expected)
        if form is None or not rows or not same or revoked is not None:
            raise Unauthenticated(
                "the key is not valid", hint="`hermetic key create NAME` makes one."
            )
        return Grant(form[1], name, decode_limits(limits), bool(shared))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
