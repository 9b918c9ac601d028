"""Path resolution, as path_resolution(7) describes it."""

from __future__ import annotations

import pytest
from kernel_checks import MIB, exists, fails_with, names_in, new_kernel, read_file, write_file

from hermetic_runtime.kernel.constants import AT_FDCWD, O_DIRECTORY
from hermetic_runtime.kernel.devices import DeviceFilesystem
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.memory import MemoryFilesystem
from hermetic_runtime.kernel.quota import Quota


@pytest.fixture
def tree(kernel: Kernel) -> Kernel:
    kernel.mkdir(AT_FDCWD, b"/a", 0o755)
    kernel.mkdir(AT_FDCWD, b"/a/b", 0o755)
    write_file(kernel, b"/a/b/file", b"text")
    return kernel


def inode(kernel: Kernel, path: bytes, *, follow: bool = True) -> int:
    return kernel.stat(AT_FDCWD, path, follow=follow).inode


@pytest.mark.parametrize(
    "path",
    [b"/a/b/file", b"//a///b/file", b"/a/./b/./file", b"/a/b/../b/file", b"/../../a/b/file"],
)
def test_spellings_of_a_path_lead_to_one_file(tree: Kernel, path: bytes) -> None:
    assert read_file(tree, path) == b"text"


def test_the_parent_of_the_root_is_the_root(kernel: Kernel) -> None:
    assert inode(kernel, b"/..") == inode(kernel, b"/")


@pytest.mark.parametrize(
    ("path", "errno"),
    [
        (b"", Errno.ENOENT),
        (b"/none", Errno.ENOENT),
        (b"/none/file", Errno.ENOENT),
        (b"/a/b/file/", Errno.ENOTDIR),
        (b"/a/b/file/.", Errno.ENOTDIR),
        (b"/a/b/file/..", Errno.ENOTDIR),
        (b"/a/b/file/more", Errno.ENOTDIR),
        (b"/a\0b", Errno.EINVAL),
        (b"/" + b"n" * 256, Errno.ENAMETOOLONG),
        (b"/" + b"n" * 255, Errno.ENOENT),
        (b"/" + b"a/" * 2046 + b"ab", Errno.ENOENT),
        (b"/" + b"./" * 2048, Errno.ENAMETOOLONG),
    ],
)
def test_a_path_that_leads_nowhere_fails(tree: Kernel, path: bytes, errno: Errno) -> None:
    with fails_with(errno):
        tree.stat(AT_FDCWD, path)


def test_a_trailing_slash_is_allowed_on_a_directory(tree: Kernel) -> None:
    assert inode(tree, b"/a/b//") == inode(tree, b"/a/b")


def test_names_need_not_be_utf8(kernel: Kernel) -> None:
    write_file(kernel, b"/\xff\xfe", b"x")

    assert names_in(kernel, b"/") == [b"\xff\xfe"]


def test_a_relative_path_starts_at_a_directory_descriptor(tree: Kernel) -> None:
    directory = tree.open(AT_FDCWD, b"/a", O_DIRECTORY, 0)

    assert tree.stat(directory, b"b/file").size == 4


def test_an_absolute_path_ignores_the_directory_descriptor(tree: Kernel) -> None:
    assert tree.stat(999, b"/a/b/file").size == 4


def test_a_relative_path_needs_an_open_descriptor(tree: Kernel) -> None:
    with fails_with(Errno.EBADF):
        tree.stat(999, b"b")


def test_a_relative_path_needs_the_descriptor_of_a_directory(tree: Kernel) -> None:
    file = tree.open(AT_FDCWD, b"/a/b/file", 0, 0)
    with fails_with(Errno.ENOTDIR):
        tree.stat(file, b"b")


def test_a_directory_without_search_permission_is_closed(tree: Kernel) -> None:
    tree.chmod(AT_FDCWD, b"/a", 0o600)

    with fails_with(Errno.EACCES):
        tree.stat(AT_FDCWD, b"/a/b")


def test_a_relative_symlink_starts_where_it_lies(tree: Kernel) -> None:
    tree.symlink(b"b/file", AT_FDCWD, b"/a/link")

    assert read_file(tree, b"/a/link") == b"text"


def test_an_absolute_symlink_starts_at_the_guests_root(tree: Kernel) -> None:
    tree.symlink(b"/a/b", AT_FDCWD, b"/a/b/link")

    assert read_file(tree, b"/a/b/link/link/link/file") == b"text"


def test_a_symlink_at_the_end_is_seen_without_following(tree: Kernel) -> None:
    tree.symlink(b"b", AT_FDCWD, b"/a/link")

    assert inode(tree, b"/a/link", follow=False) != inode(tree, b"/a/b")
    assert tree.readlink(AT_FDCWD, b"/a/link") == b"b"


def test_a_trailing_slash_follows_a_symlink(tree: Kernel) -> None:
    tree.symlink(b"b", AT_FDCWD, b"/a/link")

    assert inode(tree, b"/a/link/", follow=False) == inode(tree, b"/a/b")


def test_symlinks_in_a_circle_fail(kernel: Kernel) -> None:
    kernel.symlink(b"two", AT_FDCWD, b"/one")
    kernel.symlink(b"one", AT_FDCWD, b"/two")

    with fails_with(Errno.ELOOP):
        kernel.stat(AT_FDCWD, b"/one")


@pytest.mark.parametrize(("length", "reached"), [(40, True), (41, False)])
def test_forty_symlinks_are_followed(kernel: Kernel, length: int, reached: bool) -> None:
    write_file(kernel, b"/0")
    for number in range(1, length + 1):
        kernel.symlink(str(number - 1).encode(), AT_FDCWD, f"/{number}".encode())
    path = f"/{length}".encode()

    if reached:
        assert inode(kernel, path) == inode(kernel, b"/0")
    else:
        with fails_with(Errno.ELOOP):
            kernel.stat(AT_FDCWD, path)


def test_symlinks_that_multiply_end_soon(kernel: Kernel) -> None:
    kernel.symlink(b".", AT_FDCWD, b"/l")
    for number in range(30):
        target = b"/".join([f"x{number - 1}".encode() if number else b"l"] * 500)
        kernel.symlink(target, AT_FDCWD, f"/x{number}".encode())

    with fails_with(Errno.ELOOP):
        kernel.stat(AT_FDCWD, b"/x29")


def test_a_mount_hides_what_it_covers() -> None:
    quota = Quota(MIB, 100)
    upper = MemoryFilesystem(quota)
    root = MemoryFilesystem(quota)
    root.root.create_directory(b"m", 0o755).create_file(b"hidden", 0o644)
    kernel = new_kernel(mounts={b"/": root, b"/m": upper})

    assert names_in(kernel, b"/m") == []


def test_mounts_nest_and_lead_back_to_their_parents() -> None:
    quota = Quota(MIB, 100)
    mounts = {path: MemoryFilesystem(quota) for path in (b"/m/n/o", b"/m", b"/")}
    kernel = new_kernel(mounts=mounts)
    write_file(kernel, b"/m/n/o/file")

    kernel.chdir(b"/m/n/o")
    assert kernel.getcwd() == b"/m/n/o"
    assert inode(kernel, b"../../..") == inode(kernel, b"/")
    assert exists(kernel, b"../o/file")


def test_mount_points_are_not_charged_to_the_guest() -> None:
    quota = Quota(0, 0)
    new_kernel(mounts={b"/dev": DeviceFilesystem()}, quota=quota)

    assert (quota.bytes_used, quota.files_used) == (0, 0)


def test_a_working_directory_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="ENOENT"):
        new_kernel(cwd=b"/workspace")


@pytest.mark.parametrize("path", [b"/dev/../x", b"/dev/null", b"/a//b"])
def test_a_mount_point_that_can_not_be_is_refused(path: bytes) -> None:
    mounts = {b"/dev": DeviceFilesystem(), path: MemoryFilesystem(Quota(MIB, 10))}

    with pytest.raises(ValueError, match="can't be a mount point"):
        new_kernel(mounts=mounts)


def test_the_working_directory_keeps_its_place_when_it_is_renamed(tree: Kernel) -> None:
    tree.chdir(b"/a/b")
    tree.rename(AT_FDCWD, b"/a", AT_FDCWD, b"/z")

    assert tree.getcwd() == b"/z/b"


def test_a_removed_working_directory_has_no_path_and_takes_nothing(kernel: Kernel) -> None:
    kernel.mkdir(AT_FDCWD, b"/gone", 0o755)
    kernel.chdir(b"/gone")
    kernel.rmdir(AT_FDCWD, b"/gone")

    with fails_with(Errno.ENOENT):
        kernel.getcwd()
    with fails_with(Errno.ENOENT):
        write_file(kernel, b"file")
    with fails_with(Errno.ENOENT):
        kernel.mkdir(AT_FDCWD, b"directory", 0o755)


def test_only_directories_can_be_working_directories(tree: Kernel) -> None:
    with fails_with(Errno.ENOTDIR):
        tree.chdir(b"/a/b/file")
    with fails_with(Errno.ENOTDIR):
        tree.fchdir(tree.open(AT_FDCWD, b"/a/b/file", 0, 0))


def test_the_working_directory_can_be_a_descriptors(tree: Kernel) -> None:
    tree.fchdir(tree.open(AT_FDCWD, b"/a/b", O_DIRECTORY, 0))

    assert tree.getcwd() == b"/a/b"
