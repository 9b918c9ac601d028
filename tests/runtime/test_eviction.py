"""The cache is kept within a size, and nothing that is in use goes."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from hermetic_runtime.cache import cache_directory, clear_cache
from hermetic_runtime.cache_use import Held, mark_used
from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.eviction import BUDGET_VARIABLE, budget_bytes, evict, needed_by_sessions
from hermetic_runtime.preparation import prepare
from hermetic_runtime.sandbox import Sandbox
from hermetic_runtime.sessions.session import Session

ENTRY_BYTES = 1000


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three snapshots of 1,000 bytes, `a` the oldest, and no session."""
    monkeypatch.setenv("HERMETIC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HERMETIC_STATE_DIR", str(tmp_path / "state"))
    snapshots = tmp_path / "cache/snapshots"
    for age, name in enumerate("cba", start=1):
        (snapshots / name).mkdir(parents=True)
        (snapshots / name / "file").write_bytes(bytes(ENTRY_BYTES))
        moment = time.time() - age * 86_400
        os.utime(snapshots / name, (moment, moment))
    (tmp_path / "cache").chmod(0o700)
    return snapshots


@pytest.fixture
def interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A prepared interpreter in a cache of its own."""
    prepared = prepare()
    own = tmp_path / "cache"
    shutil.copytree(prepared, own / prepared.relative_to(cache_directory()), copy_function=os.link)
    own.chmod(0o700)
    monkeypatch.setenv("HERMETIC_CACHE_DIR", str(own))
    monkeypatch.setenv("HERMETIC_STATE_DIR", str(tmp_path / "state"))
    return prepare()


def left(cache: Path) -> str:
    return "".join(sorted(path.name for path in cache.iterdir()))


def test_a_cache_that_fits_is_left_alone(cache: Path) -> None:
    assert evict(3 * ENTRY_BYTES) == []
    assert left(cache) == "abc"


def test_what_was_not_used_for_longest_goes_first(cache: Path) -> None:
    removed = evict(2 * ENTRY_BYTES)

    assert [entry.name for entry in removed] == ["snapshots/a"]
    assert left(cache) == "bc"


def test_using_an_entry_keeps_it(cache: Path) -> None:
    mark_used([cache / "a", None])

    evict(2 * ENTRY_BYTES)

    assert left(cache) == "ac"


def test_a_mark_stands_for_a_while(cache: Path) -> None:
    mark_used([cache / "b"])
    os.utime(cache / "b", (0, 0))
    mark_used([cache / "b"])

    assert (cache / "b").stat().st_mtime == 0


def test_what_was_used_just_now_stays_whatever_the_size(cache: Path) -> None:
    mark_used([cache / "a"])

    evict(0)

    assert left(cache) == "a"


def test_what_a_process_holds_stays_until_it_lets_go(cache: Path) -> None:
    held = Held([cache / "a"])
    evict(0)
    assert left(cache) == "a"

    held.close()
    evict(0)
    assert left(cache) == ""


def test_the_environment_of_a_live_sandbox_is_held(interpreter: Path) -> None:
    with Sandbox() as sandbox:
        sandbox.start()

        assert evict(0, recent_seconds=-1) == []
        assert interpreter.is_dir()
        assert sandbox.run("1 + 1").ok


def test_what_a_session_starts_from_stays(interpreter: Path) -> None:
    with Session.create("kept") as session:
        session.run("x = 1")

    assert interpreter in needed_by_sessions()
    assert evict(0, recent_seconds=-1) == []
    with Session.open("kept") as session:
        result = session.run("x")
    assert result.value is not None and result.value.json == 1


def test_clearing_keeps_what_it_is_told_to(cache: Path) -> None:
    assert clear_cache([cache / "b"]) == 2 * ENTRY_BYTES
    assert left(cache) == "b"


@pytest.mark.parametrize("text", ["", "10G", "-1", "1.5"])
def test_a_budget_that_is_no_number_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BUDGET_VARIABLE, text)

    with pytest.raises(InvalidInput, match=BUDGET_VARIABLE):
        budget_bytes()
