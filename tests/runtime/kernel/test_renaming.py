"""Making, removing and renaming entries."""

from __future__ import annotations

import pytest
from kernel_checks import MIB, exists, fails_with, names_in, new_kernel, read_file, write_file

from hermetic_runtime.kernel.constants import AT_FDCWD, O_RDONLY
from hermetic_runtime.kernel.devices import DeviceFilesystem
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.memory import MemoryFilesystem
from hermetic_runtime.kernel.quota import Quota


@pytest.fixture
def tree(kernel: Kernel) -> Kernel:
    for path in (b"/d", b"/d/e", b"/empty"):
        kernel.mkdir(AT_FDCWD, path, 0o755)
    write_file(kernel, b"/file", b"file")
    write_file(kernel, b"/d/inner", b"inner")
    kernel.symlink(b"d", AT_FDCWD, b"/link")
    return kernel


def rename(kernel: Kernel, old: bytes, new: bytes) -> None:
    kernel.rename(AT_FDCWD, old, AT_FDCWD, new)


def test_rename_replaces_an_existing_file(tree: Kernel) -> None:
    rename(tree, b"/file", b"/d/inner")

    assert read_file(tree, b"/d/inner") == b"file"
    assert not exists(tree, b"/file")


def test_a_replaced_file_lives_while_it_is_open(tree: Kernel) -> None:
    fd = tree.open(AT_FDCWD, b"/d/inner", O_RDONLY, 0)
    rename(tree, b"/file", b"/d/inner")

    assert bytes(tree.read(fd, 100)) == b"inner"


def test_rename_moves_a_directory_with_all_in_it(tree: Kernel) -> None:
    rename(tree, b"/d/", b"/empty/moved/")

    assert read_file(tree, b"/empty/moved/inner") == b"inner"
    assert tree.stat(AT_FDCWD, b"/empty/moved/..").inode == tree.stat(AT_FDCWD, b"/empty").inode


def test_rename_replaces_an_empty_directory(tree: Kernel) -> None:
    rename(tree, b"/d", b"/empty")

    assert names_in(tree, b"/empty") == [b"e", b"inner"]


def test_rename_moves_a_symlink_and_not_its_target(tree: Kernel) -> None:
    rename(tree, b"/link", b"/moved")

    assert tree.readlink(AT_FDCWD, b"/moved") == b"d"
    assert exists(tree, b"/d")


def test_renaming_between_names_of_one_file_does_nothing(tree: Kernel) -> None:
    tree.link(AT_FDCWD, b"/file", AT_FDCWD, b"/other")
    rename(tree, b"/file", b"/other")

    assert exists(tree, b"/file") and exists(tree, b"/other")


@pytest.mark.parametrize(
    ("old", "new", "errno"),
    [
        (b"/none", b"/new", Errno.ENOENT),
        (b"/none/x", b"/new", Errno.ENOENT),
        (b"/file", b"/none/x", Errno.ENOENT),
        (b"/file", b"/file/x", Errno.ENOTDIR),
        (b"/file", b"/empty", Errno.EISDIR),
        (b"/d", b"/file", Errno.ENOTDIR),
        (b"/empty", b"/d", Errno.ENOTEMPTY),
        (b"/d", b"/d/e/x", Errno.EINVAL),
        (b"/d", b"/d/e", Errno.EINVAL),
        (b"/d/e", b"/d", Errno.ENOTEMPTY),
        (b"/file/", b"/new", Errno.ENOTDIR),
        (b"/file", b"/new/", Errno.ENOTDIR),
        (b"/link/", b"/new", Errno.ENOTDIR),
        (b"/d/.", b"/new", Errno.EBUSY),
        (b"/d/..", b"/new", Errno.EBUSY),
        (b"/", b"/new", Errno.EBUSY),
        (b"/file", b"/d/..", Errno.EBUSY),
        (b"/file", b"/" + b"n" * 256, Errno.ENAMETOOLONG),
    ],
)
def test_a_rename_that_can_not_be_fails(tree: Kernel, old: bytes, new: bytes, errno: Errno) -> None:
    with fails_with(errno):
        rename(tree, old, new)


def test_a_failed_rename_changes_nothing(tree: Kernel, quota: Quota) -> None:
    before = (quota.bytes_used, quota.files_used)
    with fails_with(Errno.ENOTEMPTY):
        rename(tree, b"/empty", b"/d")

    assert exists(tree, b"/empty")
    assert (quota.bytes_used, quota.files_used) == before


@pytest.mark.parametrize(
    ("path", "errno"),
    [
        (b"/d", Errno.EISDIR),
        (b"/none", Errno.ENOENT),
        (b"/file/", Errno.ENOTDIR),
        (b"/d/..", Errno.EISDIR),
        (b"/", Errno.EISDIR),
    ],
)
def test_an_unlink_that_can_not_be_fails(tree: Kernel, path: bytes, errno: Errno) -> None:
    with fails_with(errno):
        tree.unlink(AT_FDCWD, path)


def test_unlink_removes_a_symlink_and_not_its_target(tree: Kernel) -> None:
    tree.unlink(AT_FDCWD, b"/link")

    assert exists(tree, b"/d")
    assert not exists(tree, b"/link")


@pytest.mark.parametrize(
    ("path", "errno"),
    [
        (b"/d", Errno.ENOTEMPTY),
        (b"/file", Errno.ENOTDIR),
        (b"/link", Errno.ENOTDIR),
        (b"/none", Errno.ENOENT),
        (b"/empty/.", Errno.EINVAL),
        (b"/d/e/..", Errno.ENOTEMPTY),
        (b"/", Errno.EBUSY),
    ],
)
def test_an_rmdir_that_can_not_be_fails(tree: Kernel, path: bytes, errno: Errno) -> None:
    with fails_with(errno):
        tree.rmdir(AT_FDCWD, path)


def test_rmdir_removes_an_empty_directory(tree: Kernel) -> None:
    tree.rmdir(AT_FDCWD, b"/empty/")

    assert not exists(tree, b"/empty")


@pytest.mark.parametrize("path", [b"/d", b"/file", b"/link", b"/", b"/d/.", b"/d/e/.."])
def test_mkdir_fails_for_what_is_there(tree: Kernel, path: bytes) -> None:
    with fails_with(Errno.EEXIST):
        tree.mkdir(AT_FDCWD, path, 0o755)


def test_mkdir_allows_a_trailing_slash(tree: Kernel) -> None:
    tree.mkdir(AT_FDCWD, b"/new//", 0o755)

    assert names_in(tree, b"/new") == []


def test_mount_points_stay() -> None:
    quota = Quota(MIB, 10)
    kernel = new_kernel(mounts={b"/m": MemoryFilesystem(quota), b"/x/dev": DeviceFilesystem()})
    kernel.mkdir(AT_FDCWD, b"/d", 0o755)

    with fails_with(Errno.EBUSY):
        kernel.rmdir(AT_FDCWD, b"/m")
    with fails_with(Errno.EXDEV):
        rename(kernel, b"/m/none", b"/new")
    with fails_with(Errno.EBUSY):
        rename(kernel, b"/m", b"/new")
    with fails_with(Errno.EBUSY):
        rename(kernel, b"/d", b"/m")
    with fails_with(Errno.EBUSY):
        kernel.rmdir(AT_FDCWD, b"/x")


def test_links_and_renames_stay_in_one_filesystem() -> None:
    kernel = new_kernel(mounts={b"/m": MemoryFilesystem(Quota(MIB, 10))})
    write_file(kernel, b"/file")

    with fails_with(Errno.EXDEV):
        rename(kernel, b"/file", b"/m/file")
    with fails_with(Errno.EXDEV):
        kernel.link(AT_FDCWD, b"/file", AT_FDCWD, b"/m/file")
