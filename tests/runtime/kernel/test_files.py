"""Opening, reading and writing files."""

from __future__ import annotations

import pytest
from kernel_checks import exists, fails_with, read_file, write_file

from hermetic_runtime.kernel.constants import (
    AT_FDCWD,
    O_APPEND,
    O_CREAT,
    O_DIRECTORY,
    O_EXCL,
    O_NOFOLLOW,
    O_RDONLY,
    O_RDWR,
    O_TRUNC,
    O_WRONLY,
    SEEK_CUR,
    SEEK_END,
    SEEK_SET,
)
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.kernel import Kernel


def open_new(kernel: Kernel, path: bytes = b"/file", flags: int = O_RDWR) -> int:
    return kernel.open(AT_FDCWD, path, flags | O_CREAT, 0o666)


def test_what_is_written_is_read_back(kernel: Kernel) -> None:
    fd = open_new(kernel)
    kernel.write(fd, b"hello ")
    kernel.write(fd, memoryview(b"world"))
    kernel.seek(fd, 0, SEEK_SET)

    assert (bytes(kernel.read(fd, 8)), bytes(kernel.read(fd, 8))) == (b"hello wo", b"rld")
    assert bytes(kernel.read(fd, 8)) == b""


def test_the_umask_takes_permissions_away(kernel: Kernel) -> None:
    assert kernel.umask(0o077) == 0o022
    write_file(kernel, b"/file", mode=0o666)
    kernel.mkdir(AT_FDCWD, b"/directory", 0o777)

    assert kernel.stat(AT_FDCWD, b"/file").mode == 0o100600
    assert kernel.stat(AT_FDCWD, b"/directory").mode == 0o040700


def test_a_missing_file_is_not_made_unasked(kernel: Kernel) -> None:
    with fails_with(Errno.ENOENT):
        kernel.open(AT_FDCWD, b"/file", O_RDWR, 0o666)


def test_exclusive_creation_fails_for_what_is_there(kernel: Kernel) -> None:
    write_file(kernel, b"/file")
    kernel.symlink(b"nowhere", AT_FDCWD, b"/link")

    for path in (b"/file", b"/link", b"/"):
        with fails_with(Errno.EEXIST):
            open_new(kernel, path, O_RDWR | O_EXCL)


def test_creation_through_a_dangling_symlink_makes_its_target(kernel: Kernel) -> None:
    kernel.symlink(b"target", AT_FDCWD, b"/link")
    write_file(kernel, b"/link", b"x")

    assert read_file(kernel, b"/target") == b"x"


@pytest.mark.parametrize(
    ("path", "flags", "errno"),
    [
        (b"/directory", O_WRONLY, Errno.EISDIR),
        (b"/directory", O_TRUNC, Errno.EISDIR),
        (b"/directory", O_CREAT, Errno.EISDIR),
        (b"/new/", O_CREAT, Errno.EISDIR),
        (b"/", O_CREAT, Errno.EISDIR),
        (b"/file", O_DIRECTORY, Errno.ENOTDIR),
        (b"/link", O_NOFOLLOW, Errno.ELOOP),
        (b"/none/file", O_CREAT, Errno.ENOENT),
        (b"/file/x", O_CREAT, Errno.ENOTDIR),
        (b"/" + b"n" * 256, O_CREAT, Errno.ENAMETOOLONG),
    ],
)
def test_what_can_not_be_opened_fails(
    kernel: Kernel, path: bytes, flags: int, errno: Errno
) -> None:
    kernel.mkdir(AT_FDCWD, b"/directory", 0o755)
    write_file(kernel, b"/file")
    kernel.symlink(b"file", AT_FDCWD, b"/link")

    with fails_with(errno):
        kernel.open(AT_FDCWD, path, flags, 0o666)


def test_permissions_bind_the_owner(kernel: Kernel) -> None:
    write_file(kernel, b"/read", mode=0o444)
    write_file(kernel, b"/write", mode=0o222)

    for path, flags in ((b"/read", O_WRONLY), (b"/read", O_TRUNC), (b"/write", O_RDONLY)):
        with fails_with(Errno.EACCES):
            kernel.open(AT_FDCWD, path, flags, 0)


def test_a_directory_without_write_permission_does_not_change(kernel: Kernel) -> None:
    kernel.mkdir(AT_FDCWD, b"/locked", 0o755)
    write_file(kernel, b"/locked/file")
    kernel.chmod(AT_FDCWD, b"/locked", 0o555)

    with fails_with(Errno.EACCES):
        write_file(kernel, b"/locked/new")
    with fails_with(Errno.EACCES):
        kernel.unlink(AT_FDCWD, b"/locked/file")
    with fails_with(Errno.EACCES):
        kernel.rename(AT_FDCWD, b"/locked/file", AT_FDCWD, b"/file")


def test_truncation_on_opening_empties_the_file(kernel: Kernel) -> None:
    write_file(kernel, b"/file", b"long text")
    write_file(kernel, b"/file", b"x")

    assert read_file(kernel, b"/file") == b"x"


def test_appending_goes_to_the_end_whatever_the_offset(kernel: Kernel) -> None:
    write_file(kernel, b"/file", b"one")
    fd = kernel.open(AT_FDCWD, b"/file", O_RDWR | O_APPEND, 0)
    kernel.seek(fd, 0, SEEK_SET)
    kernel.write(fd, b"two")
    kernel.pwrite(fd, b"three", 0)

    assert read_file(kernel, b"/file") == b"onetwothree"
    assert kernel.seek(fd, 0, SEEK_CUR) == 6


def test_positioned_reading_and_writing_leave_the_offset(kernel: Kernel) -> None:
    fd = open_new(kernel)
    kernel.write(fd, b"abcdef")
    kernel.pwrite(fd, b"X", 1)

    assert bytes(kernel.pread(fd, 3, 0)) == b"aXc"
    assert kernel.seek(fd, 0, SEEK_CUR) == 6


def test_a_gap_reads_as_zeros(kernel: Kernel) -> None:
    fd = open_new(kernel)
    kernel.pwrite(fd, b"x", 4)

    assert read_file(kernel, b"/file") == b"\0\0\0\0x"


def test_writing_nothing_behind_the_end_leaves_the_size(kernel: Kernel) -> None:
    fd = open_new(kernel)

    assert kernel.pwrite(fd, b"", 100) == 0
    assert kernel.fstat(fd).size == 0


def test_seeking_counts_from_start_place_and_end(kernel: Kernel) -> None:
    fd = open_new(kernel)
    kernel.write(fd, b"abcdef")

    assert kernel.seek(fd, -2, SEEK_END) == 4
    assert kernel.seek(fd, 1, SEEK_CUR) == 5
    assert kernel.seek(fd, 100, SEEK_SET) == 100
    assert bytes(kernel.read(fd, 1)) == b""


@pytest.mark.parametrize(("offset", "whence"), [(-1, SEEK_SET), (0, 9), (2**63, SEEK_SET)])
def test_seeking_to_no_place_fails(kernel: Kernel, offset: int, whence: int) -> None:
    fd = open_new(kernel)
    with fails_with(Errno.EINVAL):
        kernel.seek(fd, offset, whence)


def test_access_is_as_the_file_was_opened(kernel: Kernel) -> None:
    reader = open_new(kernel, flags=O_RDONLY)
    writer = open_new(kernel, flags=O_WRONLY)

    with fails_with(Errno.EBADF):
        kernel.write(reader, b"x")
    with fails_with(Errno.EBADF):
        kernel.pwrite(reader, b"x", 0)
    with fails_with(Errno.EINVAL):
        kernel.ftruncate(reader, 0)
    with fails_with(Errno.EBADF):
        kernel.read(writer, 1)
    with fails_with(Errno.EBADF):
        kernel.pread(writer, 1, 0)


def test_negative_offsets_and_sizes_fail(kernel: Kernel) -> None:
    fd = open_new(kernel)

    with fails_with(Errno.EINVAL):
        kernel.read(fd, -1)
    with fails_with(Errno.EINVAL):
        kernel.pread(fd, -1, 0)
    with fails_with(Errno.EINVAL):
        kernel.pread(fd, 1, -1)
    with fails_with(Errno.EINVAL):
        kernel.pwrite(fd, b"x", -1)
    with fails_with(Errno.EINVAL):
        kernel.ftruncate(fd, -1)
    with fails_with(Errno.EINVAL):
        kernel.truncate(AT_FDCWD, b"/file", -1)


def test_truncation_cuts_and_extends(kernel: Kernel) -> None:
    write_file(kernel, b"/file", b"abcdef")
    kernel.truncate(AT_FDCWD, b"/file", 3)
    fd = kernel.open(AT_FDCWD, b"/file", O_RDWR, 0)
    kernel.ftruncate(fd, 5)

    assert read_file(kernel, b"/file") == b"abc\0\0"


def test_allocation_extends_and_never_cuts(kernel: Kernel) -> None:
    fd = open_new(kernel)
    kernel.write(fd, b"abc")
    kernel.allocate(fd, 2, 3)
    kernel.allocate(fd, 0, 1)

    assert read_file(kernel, b"/file") == b"abc\0\0"


def test_an_unlinked_file_lives_while_it_is_open(kernel: Kernel) -> None:
    fd = open_new(kernel)
    kernel.write(fd, b"still here")
    kernel.unlink(AT_FDCWD, b"/file")

    assert not exists(kernel, b"/file")
    assert bytes(kernel.pread(fd, 100, 0)) == b"still here"
    assert kernel.fstat(fd).links == 0


def test_hard_links_are_one_file(kernel: Kernel) -> None:
    write_file(kernel, b"/one", b"x")
    kernel.link(AT_FDCWD, b"/one", AT_FDCWD, b"/two")
    write_file(kernel, b"/two", b"changed")

    assert read_file(kernel, b"/one") == b"changed"
    assert kernel.stat(AT_FDCWD, b"/one").links == 2


@pytest.mark.parametrize(
    ("old", "new", "errno"),
    [
        (b"/directory", b"/new", Errno.EPERM),
        (b"/none", b"/new", Errno.ENOENT),
        (b"/file", b"/directory", Errno.EEXIST),
        (b"/file", b"/new/", Errno.ENOENT),
    ],
)
def test_what_can_not_be_linked_fails(kernel: Kernel, old: bytes, new: bytes, errno: Errno) -> None:
    kernel.mkdir(AT_FDCWD, b"/directory", 0o755)
    write_file(kernel, b"/file")

    with fails_with(errno):
        kernel.link(AT_FDCWD, old, AT_FDCWD, new)


@pytest.mark.parametrize(
    ("target", "errno"),
    [(b"", Errno.ENOENT), (b"x" * 4096, Errno.ENAMETOOLONG), (b"a\0b", Errno.EINVAL)],
)
def test_a_symlink_needs_a_target_that_is_a_path(
    kernel: Kernel, target: bytes, errno: Errno
) -> None:
    with fails_with(errno):
        kernel.symlink(target, AT_FDCWD, b"/link")


def test_only_symlinks_have_targets(kernel: Kernel) -> None:
    with fails_with(Errno.EINVAL):
        kernel.readlink(AT_FDCWD, b"/")


def test_reading_a_directory_as_a_file_fails(kernel: Kernel) -> None:
    fd = kernel.open(AT_FDCWD, b"/", O_RDONLY, 0)

    with fails_with(Errno.EISDIR):
        kernel.read(fd, 1)
    with fails_with(Errno.EBADF):
        kernel.write(fd, b"x")
    with fails_with(Errno.EISDIR):
        kernel.truncate(AT_FDCWD, b"/", 0)
