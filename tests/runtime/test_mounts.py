"""Mounts as a caller gives them, and changes that come back from an untrusted guest."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.kernel.overlay import Change, ChangeKind
from hermetic_runtime.kernel.tree_bounds import LEVELS_MAX
from hermetic_runtime.mounts import AppliedChanges, Mount, apply_changes

FILE, DIRECTORY, SYMLINK, REMOVED = (
    ChangeKind.FILE,
    ChangeKind.DIRECTORY,
    ChangeKind.SYMLINK,
    ChangeKind.REMOVED,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "given"
    (folder / "d").mkdir(parents=True)
    (folder / "file").write_text("old")
    return folder


@pytest.fixture
def directory_fd(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def give_back(directory_fd: int, *changes: Change) -> AppliedChanges:
    return apply_changes(directory_fd, changes)


def reasons(result: AppliedChanges) -> list[str]:
    return [refusal.reason for refusal in result.refused]


def contents(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_mount_is_read_only_unless_it_says_otherwise(folder: Path) -> None:
    assert Mount.parse(f"{folder}:/data") == Mount(folder, "/data", False)
    assert Mount.parse(f"{folder}:/data:ro") == Mount(folder, "/data", False)
    assert Mount.parse(f"{folder}:/data:rw") == Mount(folder, "/data", True)


def test_a_host_path_may_hold_colons(tmp_path: Path) -> None:
    odd = tmp_path / "a:b"
    odd.mkdir()

    assert Mount.parse(f"{odd}:/data:rw").host == odd


def test_a_relative_host_path_is_made_absolute(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)

    assert Mount.parse("d:/data").host == folder / "d"


def test_a_guest_path_is_normalised(folder: Path) -> None:
    assert Mount(folder, "//data/./sub/").guest == "/data/sub"


@pytest.mark.parametrize("text", ["", ":", "x", ":/data", "x:", "x:rw"])
def test_text_that_is_no_mount_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not HOST:GUEST"):
        Mount.parse(text)


@pytest.mark.parametrize("host", ["none", "file", "nul\0"])
def test_a_host_that_is_no_directory_is_refused(folder: Path, host: str) -> None:
    with pytest.raises(InvalidInput, match="can't be mounted"):
        Mount(folder / host, "/data")


@pytest.mark.parametrize("guest", ["", "data", "/a/../b", "/..", "/a\0b"])
def test_a_guest_path_that_is_not_plain_and_absolute_is_refused(folder: Path, guest: str) -> None:
    with pytest.raises(InvalidInput, match="must be an absolute path"):
        Mount(folder, guest)


@pytest.mark.parametrize("guest", ["/", "//.", "/lib", "/lib/", "/lib/python3.14", "/dev/x"])
def test_a_place_that_the_system_needs_is_refused(folder: Path, guest: str) -> None:
    with pytest.raises(InvalidInput, match="which the system needs"):
        Mount(folder, guest)


@pytest.mark.parametrize("guest", ["/workspace", "/tmp", "/library", "/data/lib"])
def test_other_places_are_allowed(folder: Path, guest: str) -> None:
    assert Mount(folder, guest).guest == guest


@pytest.mark.parametrize("guest", ["/" + "n" * 256, "/" + "n/" * 2048, "/\udcff"])
def test_a_guest_path_that_no_guest_can_have_is_refused(folder: Path, guest: str) -> None:
    with pytest.raises(InvalidInput, match=r"too long|UTF-8"):
        Mount(folder, guest)


def test_changes_are_made_in_order(directory_fd: int, folder: Path) -> None:
    result = give_back(
        directory_fd,
        Change(b"file", REMOVED),
        Change(b"new", DIRECTORY, b"", 0o755),
        Change(b"new/file", FILE, b"text", 0o644),
        Change(b"new/link", SYMLINK, b"file"),
    )

    assert result.applied == [b"file", b"new", b"new/file", b"new/link"]
    assert contents(folder) == ["d", "new", "new/file", "new/link"]
    assert (folder / "new" / "link").read_text() == "text"


def test_a_replaced_file_keeps_its_permissions(directory_fd: int, folder: Path) -> None:
    (folder / "file").chmod(0o640)
    give_back(directory_fd, Change(b"file", FILE, b"new", 0o777))

    assert (folder / "file").read_text() == "new"
    assert stat.S_IMODE((folder / "file").stat().st_mode) == 0o640


def test_a_file_is_replaced_in_one_step(directory_fd: int, folder: Path) -> None:
    with (folder / "file").open() as reader:
        give_back(directory_fd, Change(b"file", FILE, b"new"))

        assert reader.read() == "old"


def test_new_files_get_no_dangerous_permissions(directory_fd: int, folder: Path) -> None:
    give_back(directory_fd, Change(b"new", FILE, b"", 0o7777), Change(b"dir", DIRECTORY, b"", 0))

    assert stat.S_IMODE((folder / "new").stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "dir").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b".",
        b"..",
        b"/etc/x",
        b"../secret",
        b"d/../../secret",
        b"d//x",
        b"d/",
        b"a\0b",
        b"n" * 256,
        b"d/" * 2048 + b"x",
        b"d/" * LEVELS_MAX + b"x",
        b"/".join([b"n" * 200] * 16),
    ],
)
@pytest.mark.parametrize("kind", list(ChangeKind))
def test_a_path_that_is_not_plain_is_refused(
    directory_fd: int, folder: Path, path: bytes, kind: ChangeKind
) -> None:
    result = give_back(directory_fd, Change(path, kind, b"x"))

    assert len(result.refused) == 1
    assert contents(folder) == ["d", "file"]
    assert (folder.parent / "secret").read_text() == "secret"


@pytest.mark.parametrize("kind", list(ChangeKind))
def test_a_symlink_on_the_way_is_not_followed(
    directory_fd: int, folder: Path, tmp_path: Path, kind: ChangeKind
) -> None:
    (folder / "out").symlink_to(tmp_path)
    result = give_back(directory_fd, Change(b"out/secret", kind, b"x"))

    assert len(result.refused) == 1
    assert (tmp_path / "secret").read_text() == "secret"


def test_a_symlink_in_place_of_a_file_is_replaced_and_not_followed(
    directory_fd: int, folder: Path, tmp_path: Path
) -> None:
    (folder / "link").symlink_to(tmp_path / "secret")
    give_back(directory_fd, Change(b"link", FILE, b"new", 0o644))

    assert not (folder / "link").is_symlink()
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (b"link", b"/etc/passwd"),
        (b"link", b"../secret"),
        (b"link", b".."),
        (b"d/link", b"../../secret"),
        (b"d/link", b"./.././../secret"),
        (b"link", b"d/../../secret"),
        (b"d/link", b"e/../x"),
        (b"link", b""),
        (b"link", b"a\0b"),
        (b"link", b"x" * 4096),
    ],
)
def test_a_symlink_that_may_lead_out_is_refused(
    directory_fd: int, folder: Path, path: bytes, target: bytes
) -> None:
    result = give_back(directory_fd, Change(path, SYMLINK, target))

    assert len(result.refused) == 1
    assert contents(folder) == ["d", "file"]


@pytest.mark.parametrize(
    ("path", "target"), [(b"link", b"d"), (b"d/link", b"../file"), (b"d/link", b".././d/x")]
)
def test_a_symlink_that_stays_inside_is_made(
    directory_fd: int, folder: Path, path: bytes, target: bytes
) -> None:
    assert give_back(directory_fd, Change(path, SYMLINK, target)).refused == []
    assert os.readlink(os.path.join(os.fsencode(folder), path)) == target


def test_two_symlinks_can_not_lead_out_together(directory_fd: int, folder: Path) -> None:
    (folder / "d" / "e").mkdir()
    give_back(
        directory_fd,
        Change(b"d/e/up", SYMLINK, b"../.."),
        Change(b"d/e/out", SYMLINK, b"up/../secret"),
        Change(b"d/e/up/x", FILE, b"x"),
    )

    assert contents(folder) == ["d", "d/e", "d/e/up", "file"]


def test_a_directory_that_is_not_empty_is_not_removed(directory_fd: int, folder: Path) -> None:
    (folder / "d" / "unknown").touch()
    result = give_back(directory_fd, Change(b"d", REMOVED))

    assert reasons(result) == ["Directory not empty"]


def test_removing_what_is_gone_already_succeeds(directory_fd: int) -> None:
    assert give_back(directory_fd, Change(b"gone", REMOVED)).applied == [b"gone"]


def test_a_directory_that_is_there_already_stays_as_it_is(directory_fd: int, folder: Path) -> None:
    (folder / "d").chmod(0o711)

    assert give_back(directory_fd, Change(b"d", DIRECTORY, b"", 0o755)).refused == []
    assert stat.S_IMODE((folder / "d").stat().st_mode) == 0o711


@pytest.mark.parametrize("kind", [FILE, SYMLINK])
def test_a_directory_is_not_replaced(directory_fd: int, folder: Path, kind: ChangeKind) -> None:
    assert len(give_back(directory_fd, Change(b"d", kind, b"x")).refused) == 1
    assert (folder / "d").is_dir()


@pytest.mark.parametrize("kind", list(ChangeKind))
def test_a_fifo_is_neither_replaced_nor_removed(
    directory_fd: int, folder: Path, kind: ChangeKind
) -> None:
    os.mkfifo(folder / "fifo")

    assert len(give_back(directory_fd, Change(b"fifo", kind, b"x")).refused) == 1
    assert stat.S_ISFIFO((folder / "fifo").stat().st_mode)


def test_one_refusal_does_not_stop_the_others(directory_fd: int) -> None:
    result = give_back(
        directory_fd, Change(b"none/x", FILE, b""), Change(b"file", FILE, b"new", 0o644)
    )

    assert result.applied == [b"file"]
    assert [str(refusal) for refusal in result.refused] == ["none/x: No such file or directory"]


def test_contents_beyond_the_limit_are_refused(directory_fd: int, folder: Path) -> None:
    changes = [Change(b"one", FILE, b"12345"), Change(b"two", FILE, b"67890")]
    result = apply_changes(directory_fd, changes, limit_bytes=9)

    assert result.applied == [b"one"]
    assert reasons(result) == ["there is too much to write"]


def test_a_failed_replacement_leaves_nothing_behind(
    directory_fd: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    result = give_back(directory_fd, Change(b"file", FILE, b"new"))

    assert reasons(result) == ["No space left on device"]
    assert contents(folder) == ["d", "file"]
    assert (folder / "file").read_text() == "old"


def test_a_refusal_is_safe_to_print(directory_fd: int) -> None:
    result = give_back(directory_fd, Change(b"\x1b[2J\xff\n/..", FILE))

    assert str(result.refused[0]).startswith("\\x1b[2J\\xff\\n/..: ")
