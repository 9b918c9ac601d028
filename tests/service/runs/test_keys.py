"""API keys: made, accepted, revoked, and never stored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hermetic.database import Database
from hermetic.errors import InvalidInput, NotAllowed, StorageError, Unauthenticated, UnknownKey
from hermetic.grants import narrowed
from hermetic.keys import KeyStore
from hermetic_runtime.limits import Limits


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "data")
    yield database
    database.close()


@pytest.fixture
def keys(database: Database) -> KeyStore:
    return KeyStore(database)


def test_a_key_authenticates_its_grant(keys: KeyStore) -> None:
    key = keys.create("ci", Limits(wall_seconds=5))
    grant = keys.authenticate(key.text)
    assert (grant.id, grant.name, grant.limits.wall_seconds) == (key.id, "ci", 5)


def test_keys_are_not_written_to_the_disk(keys: KeyStore, tmp_path: Path) -> None:
    key = keys.create("ci")
    secret = key.text.rpartition("_")[2].encode()
    files = [file for file in (tmp_path / "data").iterdir() if file.is_file()]
    assert files and not any(secret in file.read_bytes() for file in files)


def test_a_revoked_key_is_refused(keys: KeyStore) -> None:
    key = keys.create("ci")
    keys.revoke(key.id)
    with pytest.raises(Unauthenticated):
        keys.authenticate(key.text)
    assert keys.list()[0].revoked is not None


@pytest.mark.parametrize("text", ["", "hk_", "hk_" + "0" * 12 + "_" + "0" * 64, "x", "é\ud800"])
def test_what_is_no_key_is_refused(keys: KeyStore, text: str) -> None:
    keys.create("ci")
    with pytest.raises(Unauthenticated):
        keys.authenticate(text)


def test_a_key_with_another_secret_is_refused(keys: KeyStore) -> None:
    key = keys.create("ci")
    with pytest.raises(Unauthenticated):
        keys.authenticate(key.text[:-1] + ("0" if key.text[-1] != "0" else "1"))


def test_revoking_what_is_not_there_is_an_error(keys: KeyStore) -> None:
    with pytest.raises(UnknownKey):
        keys.revoke("nothing")


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb"])
def test_a_name_must_be_fit_to_be_shown(keys: KeyStore, name: str) -> None:
    with pytest.raises(InvalidInput):
        keys.create(name)


def test_keys_survive_a_restart(tmp_path: Path) -> None:
    database = Database(tmp_path / "data")
    key = KeyStore(database).create("ci")
    database.close()
    database = Database(tmp_path / "data")
    assert KeyStore(database).authenticate(key.text).name == "ci"
    database.close()


def test_keys_of_a_version_that_knew_no_shared_ones_are_kept(tmp_path: Path) -> None:
    database = Database(tmp_path / "data")
    key = KeyStore(database).create("ci")
    with database.transaction() as connection:
        connection.execute("ALTER TABLE keys DROP COLUMN shared")
        connection.execute("PRAGMA user_version = 1")
    database.close()
    database = Database(tmp_path / "data")
    keys = KeyStore(database)
    assert keys.authenticate(key.text).shared is False
    assert keys.authenticate(keys.create("other", shared=True).text).shared is True
    database.close()


def test_a_folder_that_others_can_read_is_refused(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o755)
    with pytest.raises(StorageError, match="not private"):
        Database(tmp_path)


def test_limits_are_narrowed_and_never_widened(keys: KeyStore) -> None:
    grant = keys.authenticate(keys.create("ci", Limits(wall_seconds=5)).text)
    assert narrowed(grant, {"wall_seconds": 2}).wall_seconds == 2
    with pytest.raises(NotAllowed):
        narrowed(grant, {"wall_seconds": 6})
    with pytest.raises(InvalidInput):
        narrowed(grant, {"wall_seconds": "x"})
