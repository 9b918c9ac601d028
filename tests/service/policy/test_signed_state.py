from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetic.errors import StateNotValid, StorageError
from hermetic.policy.signed_state import read_state, sign_state, signing_key

KEY = b"k" * 32


def test_what_was_signed_can_be_read():
    text = sign_state(KEY, {"approval": "ap_1"}, expires=100)
    assert read_state(KEY, text, now=99) == {"approval": "ap_1"}


def test_what_has_expired_is_refused():
    with pytest.raises(StateNotValid):
        read_state(KEY, sign_state(KEY, {}, expires=100), now=100)


def test_what_another_key_signed_is_refused():
    with pytest.raises(StateNotValid):
        read_state(KEY, sign_state(b"x" * 32, {}, expires=100), now=1)


@given(st.integers(0, 10_000), st.characters())
def test_what_was_changed_is_refused(place: int, character: str):
    text = sign_state(KEY, {"approval": "ap_1"}, expires=100)
    place %= len(text)
    changed = text[:place] + character + text[place + 1 :]
    if changed != text:
        with pytest.raises(StateNotValid):
            read_state(KEY, changed, now=1)


@given(st.text())
def test_what_is_no_state_is_refused(text: str):
    with pytest.raises(StateNotValid):
        read_state(KEY, text, now=1)


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
