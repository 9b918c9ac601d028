"""The key with which state is sealed that a caller keeps."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from hermetic.errors import StorageError
from hermetic.policy.signed_state import signing_key


def test_the_key_is_private_and_stays_the_same(tmp_path: Path):
    folder = tmp_path / "data"
    assert signing_key(folder) == signing_key(folder)
    assert (folder / "state.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["state.key"]


def test_threads_that_make_the_key_agree(tmp_path: Path):
    keys: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: keys.append(signing_key(tmp_path / "data")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_key_that_others_can_read_is_refused(tmp_path: Path):
    signing_key(tmp_path / "data")
    os.chmod(tmp_path / "data/state.key", 0o644)
    with pytest.raises(StorageError):
        signing_key(tmp_path / "data")
