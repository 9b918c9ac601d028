"""A writable layer over a read-only filesystem, and what it reports as changed."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_checks import MIB, exists, fails_with, names_in, new_kernel, read_file, write_file

from hermetic_runtime.kernel.constants import (
    AT_FDCWD,
    O_DIRECTORY,
    O_RDONLY,
    O_RDWR,
    O_TRUNC,
    SEEK_SET,
)
from hermetic_runtime.kernel.empty import EmptyFilesystem
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.host import HostFilesystem
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.overlay import Change, ChangeKind, OverlayFilesystem
from hermetic_runtime.kernel.quota import Quota


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "inner").write_text("inner")
    (tmp_path / "file").write_text("file")
    (tmp_path / "link").symlink_to("file")
    return tmp_path


@pytest.fixture
def quota() -> Quota:
    return Quota(MIB, 50)


@pytest.fixture
def overlay(folder: Path, quota: Quota) -> Iterator[OverlayFilesystem]:
    descriptor = os.open(folder, os.O_RDONLY)
    overlay = OverlayFilesystem(HostFilesystem(descriptor), quota)
    yield overlay
    overlay.close()
    os.close(descriptor)


@pytest.fixture
def kernel(overlay: OverlayFilesystem, quota: Quota) -> Iterator[Kernel]:
    kernel = new_kernel(mounts={b"/o": overlay}, quota=quota, cwd=b"/o")
    yield kernel
    kernel.close_all()


def changed(overlay: OverlayFilesystem) -> list[tuple[bytes, str, bytes]]:
    return [(change.path, change.kind.value, change.data) for change in overlay.changes()]


def test_an_untouched_overlay_shows_what_is_below(
    kernel: Kernel, overlay: OverlayFilesystem, quota: Quota
) -> None:
    assert names_in(kernel, b".") == [b"d", b"file", b"link"]
    assert read_file(kernel, b"d/inner") == b"inner"
    assert read_file(kernel, b"link") == b"file"

    assert changed(overlay) == []
    assert (quota.bytes_used, quota.files_used) == (0, 0)


def test_removing_a_symlink_from_below_gives_back_nothing_that_was_not_charged(
    kernel: Kernel, quota: Quota
) -> None:
    kernel.unlink(AT_FDCWD, b"link")

    assert (quota.bytes_used, quota.files_used) == (0, 0)


def test_writing_copies_up_and_leaves_the_host_alone(
    kernel: Kernel, overlay: OverlayFilesystem, folder: Path
) -> None:
    fd = kernel.open(AT_FDCWD, b"d/inner", O_RDWR, 0)
    kernel.pwrite(fd, b"I", 0)
    kernel.close(fd)
    gc.collect()

    assert read_file(kernel, b"d/inner") == b"Inner"
    assert (folder / "d" / "inner").read_text() == "inner"
    assert changed(overlay) == [(b"d/inner", "file", b"Inner")]


def test_all_openings_of_a_file_see_what_is_written(kernel: Kernel) -> None:
    reader = kernel.open(AT_FDCWD, b"file", O_RDONLY, 0)
    writer = kernel.open(AT_FDCWD, b"file", O_RDWR, 0)
    kernel.write(writer, b"FI")

    assert bytes(kernel.read(reader, 10)) == b"FIle"


def test_a_file_keeps_its_inode_when_it_is_copied_up(kernel: Kernel) -> None:
    before = kernel.stat(AT_FDCWD, b"file").inode
    write_file(kernel, b"file", b"new")

    assert kernel.stat(AT_FDCWD, b"file").inode == before


def test_truncating_on_opening_does_not_read_the_file(kernel: Kernel, folder: Path) -> None:
    os.truncate(folder / "file", 100 * MIB)
    kernel.open(AT_FDCWD, b"file", O_RDWR | O_TRUNC, 0)

    assert kernel.stat(AT_FDCWD, b"file").size == 0


def test_a_copy_that_does_not_fit_leaves_the_file_as_it_was(
    kernel: Kernel, folder: Path, overlay: OverlayFilesystem, quota: Quota
) -> None:
    os.truncate(folder / "file", 100 * MIB)
    fd = kernel.open(AT_FDCWD, b"file", O_RDWR, 0)
    with fails_with(Errno.ENOSPC):
        kernel.write(fd, b"x")

    assert bytes(kernel.pread(fd, 4, 0)) == b"file"
    assert quota.bytes_used < 1000
    assert changed(overlay) == []


def test_a_new_tree_is_reported_from_the_root_to_the_leaves(
    kernel: Kernel, overlay: OverlayFilesystem
) -> None:
    kernel.mkdir(AT_FDCWD, b"d/new", 0o700)
    write_file(kernel, b"d/new/file", b"x", 0o640)
    kernel.symlink(b"file", AT_FDCWD, b"d/new/link")

    assert list(overlay.changes()) == [
        Change(b"d/new", ChangeKind.DIRECTORY, b"", 0o700),
        Change(b"d/new/file", ChangeKind.FILE, b"x", 0o640),
        Change(b"d/new/link", ChangeKind.SYMLINK, b"file", 0o777),
    ]


def test_changes_are_reported_once(kernel: Kernel, overlay: OverlayFilesystem) -> None:
    write_file(kernel, b"file", b"one")
    kernel.unlink(AT_FDCWD, b"link")
    assert len(changed(overlay)) == 2
    assert changed(overlay) == []

    write_file(kernel, b"file", b"two")
    assert changed(overlay) == [(b"file", "file", b"two")]


def test_removals_are_reported_from_the_leaves_to_the_root(
    kernel: Kernel, overlay: OverlayFilesystem
) -> None:
    kernel.unlink(AT_FDCWD, b"d/inner")
    kernel.rmdir(AT_FDCWD, b"d/e")
    kernel.rmdir(AT_FDCWD, b"d")

    assert names_in(kernel, b".") == [b"file", b"link"]
    assert changed(overlay) == [
        (b"d/inner", "removed", b""),
        (b"d/e", "removed", b""),
        (b"d", "removed", b""),
    ]


def test_what_came_and_went_is_not_reported(
    kernel: Kernel, overlay: OverlayFilesystem, quota: Quota
) -> None:
    write_file(kernel, b"temporary", b"x")
    kernel.unlink(AT_FDCWD, b"temporary")

    assert changed(overlay) == []
    assert quota.bytes_used == 0


def test_what_was_reported_and_then_removed_is_reported_again(
    kernel: Kernel, overlay: OverlayFilesystem
) -> None:
    write_file(kernel, b"new", b"x")
    changed(overlay)
    kernel.unlink(AT_FDCWD, b"new")

    assert changed(overlay) == [(b"new", "removed", b"")]


def test_a_removed_name_can_be_used_again(kernel: Kernel, overlay: OverlayFilesystem) -> None:
    kernel.unlink(AT_FDCWD, b"file")
    write_file(kernel, b"file", b"again")

    assert names_in(kernel, b".") == [b"d", b"file", b"link"]
    assert changed(overlay) == [(b"file", "file", b"again")]


def test_a_file_in_place_of_a_directory_is_two_changes(
    kernel: Kernel, overlay: OverlayFilesystem
) -> None:
    kernel.rmdir(AT_FDCWD, b"d/e")
    write_file(kernel, b"d/e", b"x")

    assert changed(overlay) == [(b"d/e", "removed", b""), (b"d/e", "file", b"x")]


def test_a_directory_made_anew_is_empty(kernel: Kernel) -> None:
    kernel.unlink(AT_FDCWD, b"d/inner")
    kernel.rmdir(AT_FDCWD, b"d/e")
    kernel.rmdir(AT_FDCWD, b"d")
    kernel.mkdir(AT_FDCWD, b"d", 0o755)

    assert names_in(kernel, b"d") == []


def test_a_directory_with_entries_below_is_not_empty(kernel: Kernel) -> None:
    with fails_with(Errno.ENOTEMPTY):
        kernel.rmdir(AT_FDCWD, b"d")


def test_a_renamed_file_is_new_there_and_removed_here(
    kernel: Kernel, overlay: OverlayFilesystem
) -> None:
    kernel.rename(AT_FDCWD, b"file", AT_FDCWD, b"d/moved")

    assert read_file(kernel, b"d/moved") == b"file"
    assert not exists(kernel, b"file")
    assert changed(overlay) == [(b"file", "removed", b""), (b"d/moved", "file", b"file")]


def test_renaming_over_a_file_below_replaces_it(kernel: Kernel, overlay: OverlayFilesystem) -> None:
    kernel.rename(AT_FDCWD, b"file", AT_FDCWD, b"d/inner")

    assert read_file(kernel, b"d/inner") == b"file"
    assert changed(overlay) == [(b"file", "removed", b""), (b"d/inner", "file", b"file")]


def test_a_renamed_symlink_keeps_its_target(kernel: Kernel, overlay: OverlayFilesystem) -> None:
    kernel.rename(AT_FDCWD, b"link", AT_FDCWD, b"moved")

    assert changed(overlay) == [(b"link", "removed", b""), (b"moved", "symlink", b"file")]


def test_a_directory_from_below_can_not_be_renamed(kernel: Kernel) -> None:
    with fails_with(Errno.EXDEV):
        kernel.rename(AT_FDCWD, b"d", AT_FDCWD, b"z")


def test_a_reported_directory_that_moves_is_reported_whole(
    kernel: Kernel, overlay: OverlayFilesystem
) -> None:
    kernel.mkdir(AT_FDCWD, b"new", 0o755)
    kernel.mkdir(AT_FDCWD, b"new/sub", 0o755)
    write_file(kernel, b"new/sub/f", b"x")
    changed(overlay)
    kernel.rename(AT_FDCWD, b"new", AT_FDCWD, b"newer")

    assert changed(overlay) == [
        (b"new/sub/f", "removed", b""),
        (b"new/sub", "removed", b""),
        (b"new", "removed", b""),
        (b"newer", "directory", b""),
        (b"newer/sub", "directory", b""),
        (b"newer/sub/f", "file", b"x"),
    ]


def test_a_hard_link_is_reported_as_a_copy(kernel: Kernel, overlay: OverlayFilesystem) -> None:
    kernel.link(AT_FDCWD, b"file", AT_FDCWD, b"other")
    write_file(kernel, b"other", b"both")

    assert read_file(kernel, b"file") == b"both"
    assert sorted(changed(overlay)) == [(b"file", "file", b"both"), (b"other", "file", b"both")]


def test_new_permissions_are_a_change_and_new_times_are_not(
    kernel: Kernel, overlay: OverlayFilesystem
) -> None:
    kernel.utimens(AT_FDCWD, b"d/inner", 1, 2)
    assert kernel.stat(AT_FDCWD, b"d/inner").mtime_ns == 2
    assert changed(overlay) == []

    kernel.chmod(AT_FDCWD, b"file", 0o700)
    assert [change.mode for change in overlay.changes()] == [0o700]


def test_a_listing_has_every_entry_once_while_files_are_copied_up(kernel: Kernel) -> None:
    for number in range(5):
        write_file(kernel, f"new{number}".encode())
    fd = kernel.open(AT_FDCWD, b".", O_DIRECTORY, 0)
    found: list[bytes] = []
    while entries := kernel.read_directory(fd, 1):
        found.append(entries[0].name)
        if exists(kernel, b"link"):
            write_file(kernel, b"file", b"changed")
            write_file(kernel, b"d/inner", b"changed")

    assert sorted(found) == [
        *[b".", b"..", b"d", b"file", b"link"],
        *(f"new{number}".encode() for number in range(5)),
    ]


def test_a_listing_can_be_left_and_resumed(kernel: Kernel) -> None:
    for number in range(5):
        write_file(kernel, f"new{number}".encode())
    fd = kernel.open(AT_FDCWD, b".", O_DIRECTORY, 0)
    entries = kernel.read_directory(fd, 100)

    for index, entry in enumerate(entries):
        kernel.seek(fd, entry.next_position, SEEK_SET)
        assert kernel.read_directory(fd, 100) == entries[index + 1 :]


def test_an_unlinked_file_from_below_can_be_read_and_written(
    kernel: Kernel, overlay: OverlayFilesystem, quota: Quota
) -> None:
    fd = kernel.open(AT_FDCWD, b"file", O_RDWR, 0)
    kernel.unlink(AT_FDCWD, b"file")
    kernel.write(fd, b"FI")

    assert bytes(kernel.pread(fd, 10, 0)) == b"FIle"
    kernel.close(fd)
    assert quota.bytes_used == 0
    assert changed(overlay) == [(b"file", "removed", b"")]


def test_given_back_files_can_change_and_go_again(
    kernel: Kernel, overlay: OverlayFilesystem, folder: Path
) -> None:
    write_file(kernel, b"new", b"x")
    changed(overlay)
    (folder / "new").write_text("x")
    assert names_in(kernel, b".") == [b"d", b"file", b"link", b"new"]

    kernel.unlink(AT_FDCWD, b"new")
    assert not exists(kernel, b"new")
    assert changed(overlay) == [(b"new", "removed", b"")]


def test_looking_costs_no_memory_that_stays(kernel: Kernel, folder: Path) -> None:
    for number in range(100):
        (folder / f"{number}").touch()
    for number in range(100):
        kernel.stat(AT_FDCWD, f"{number}".encode())
    gc.collect()

    assert not [node for node in gc.get_objects() if type(node).__name__ == "OverlayFile"]


def test_names_that_come_and_go_leave_nothing_behind(
    kernel: Kernel, overlay: OverlayFilesystem, quota: Quota
) -> None:
    kernel.mkdir(AT_FDCWD, b"d/new", 0o755)
    before = quota.bytes_used
    for number in range(1000):
        name = f"d/{number}".encode()
        write_file(kernel, name)
        kernel.unlink(AT_FDCWD, name)

    assert quota.bytes_used == before
    assert changed(overlay) == [(b"d/new", "directory", b"")]


def test_changed_files_are_named_without_being_reported(
    kernel: Kernel, overlay: OverlayFilesystem
) -> None:
    write_file(kernel, b"new", b"12345")
    write_file(kernel, b"d/inner", b"x")
    kernel.mkdir(AT_FDCWD, b"folder", 0o755)

    assert sorted(overlay.changed_files()) == [(b"d/inner", 1), (b"new", 5)]
    assert sorted(overlay.changed_files()) == [(b"d/inner", 1), (b"new", 5)]


def test_forgotten_changes_are_not_reported(kernel: Kernel, overlay: OverlayFilesystem) -> None:
    write_file(kernel, b"a", b"1")
    overlay.forget_changes()
    write_file(kernel, b"b", b"2")

    assert changed(overlay) == [(b"b", "file", b"2")]


def test_a_forgotten_file_is_reported_when_it_changes_again(
    kernel: Kernel, overlay: OverlayFilesystem
) -> None:
    write_file(kernel, b"a", b"1")
    overlay.forget_changes()
    write_file(kernel, b"a", b"22")

    assert list(overlay.changed_files()) == [(b"a", 2)]


def test_a_layer_over_nothing_begins_empty() -> None:
    quota = Quota(MIB, 50)
    overlay = OverlayFilesystem(EmptyFilesystem(), quota)
    kernel = new_kernel(mounts={b"/o": overlay}, quota=quota, cwd=b"/o")

    assert names_in(kernel, b".") == []
    write_file(kernel, b"a", b"1")
    assert changed(overlay) == [(b"a", "file", b"1")]
    kernel.close_all()
