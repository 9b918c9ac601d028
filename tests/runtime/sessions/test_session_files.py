"""Files of a session, from outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hermetic_runtime.errors import InvalidInput, SessionNotFound
from hermetic_runtime.kernel.tree_bounds import LEVELS_MAX
from hermetic_runtime.limits import Limits
from hermetic_runtime.reported import Outcome
from hermetic_runtime.sessions.session import Session


def test_the_guest_sees_what_was_put(session: Session) -> None:
    session.run("1")
    session.files.put("data/é.txt", b"abc")

    result = session.run("open('data/é.txt').read()")

    assert result.value is not None and result.value.json == "abc"


def test_what_the_guest_wrote_is_there_when_the_run_returns(session: Session) -> None:
    session.run("import os; os.makedirs('a/b'); open('a/b/c', 'w').write('1')")

    assert session.files.get("a/b/c") == b"1"
    assert [file.path for file in session.files.list()] == ["a/b/c"]


def test_a_folder_is_removed_with_all_in_it(session: Session) -> None:
    session.files.put("a/b/c", b"1")
    session.files.put("d", b"1")

    session.files.remove("a")

    assert [file.path for file in session.files.list()] == ["d"]


@pytest.mark.parametrize("path", ["../a", "/a", "a/../../b", "", "a//b", "./a", "a\0b", "\udcff"])
def test_names_that_lead_elsewhere_are_refused(session: Session, path: str) -> None:
    with pytest.raises(InvalidInput):
        session.files.put(path, b"")
    with pytest.raises(InvalidInput):
        session.files.get(path)
    with pytest.raises(InvalidInput):
        session.files.remove(path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("d/" * LEVELS_MAX + "x", "too deep"),
        ("/".join(["n" * 200] * 16), "too long"),
        ("n" * 256, "too long"),
    ],
    ids=["too deep", "too long", "a name that is too long"],
)
def test_a_path_that_no_guest_could_make_is_refused(
    session: Session, path: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        session.files.put(path, b"")
    assert session.files.list() == []


def test_the_deepest_file_can_be_listed_copied_and_removed(
    session: Session, directory: Path
) -> None:
    deepest = "d/" * (LEVELS_MAX - 1) + "x"
    session.files.put(deepest, b"1")
    assert [file.path for file in session.files.list()] == [deepest]

    with Session.open(session.fork().id, directory=directory) as fork:
        assert fork.files.get(deepest) == b"1"
        fork.delete()
    session.files.remove("d")
    assert session.files.list() == []


def test_symlinks_are_never_followed(session: Session, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    workspace = directory / "sessions" / session.id / "workspace"
    os.symlink(tmp_path / "secret", workspace / "link")
    os.symlink(tmp_path, workspace / "folder")

    for path in ("link", "folder/secret"):
        with pytest.raises(InvalidInput):
            session.files.get(path)
    with pytest.raises(InvalidInput):
        session.files.put("folder/new", b"")
    assert not (tmp_path / "new").exists()


def test_a_missing_file_is_not_found(session: Session) -> None:
    with pytest.raises(SessionNotFound):
        session.files.get("a")
    with pytest.raises(SessionNotFound):
        session.files.remove("a")


def test_the_quota_counts_what_is_on_disk_already(directory: Path) -> None:
    with Session.create(limits=Limits(disk_bytes=100_000)) as session:
        session.files.put("a", bytes(60_000))
        result = session.run("open('b', 'wb', buffering=0).write(bytes(60_000))")

        assert result.outcome is Outcome.DISK
        with pytest.raises(InvalidInput):
            session.files.put("c", bytes(60_000))
