"""Permissions, times, owners and statistics."""

from __future__ import annotations

import pytest
from kernel_checks import fails_with, new_kernel, write_file

from hermetic_runtime.kernel.constants import (
    AT_FDCWD,
    F_OK,
    O_CREAT,
    O_RDWR,
    R_OK,
    ST_RDONLY,
    W_OK,
    X_OK,
)
from hermetic_runtime.kernel.devices import DeviceFilesystem
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.quota import Quota


@pytest.fixture
def with_devices() -> Kernel:
    return new_kernel(mounts={b"/dev": DeviceFilesystem()})


def test_changing_the_mode_keeps_the_type(kernel: Kernel) -> None:
    fd = kernel.open(AT_FDCWD, b"/file", O_RDWR | O_CREAT, 0o644)
    kernel.chmod(AT_FDCWD, b"/file", 0o751)
    assert kernel.fstat(fd).mode == 0o100751

    kernel.fchmod(fd, 0o177777)
    assert kernel.fstat(fd).mode == 0o107777


def test_a_symlinks_mode_can_not_change(kernel: Kernel) -> None:
    kernel.symlink(b"x", AT_FDCWD, b"/link")

    with fails_with(Errno.ENOTSUP):
        kernel.chmod(AT_FDCWD, b"/link", 0o600, follow=False)


def test_times_change_one_by_one(kernel: Kernel) -> None:
    write_file(kernel, b"/file")
    kernel.utimens(AT_FDCWD, b"/file", 1_000_000_001, 2)
    kernel.utimens(AT_FDCWD, b"/file", None, 3)
    fd = kernel.open(AT_FDCWD, b"/file", O_RDWR, 0)
    kernel.futimens(fd, None, None)

    found = kernel.fstat(fd)
    assert (found.atime_ns, found.mtime_ns) == (1_000_000_001, 3)


def test_a_symlinks_own_times_can_change(kernel: Kernel) -> None:
    write_file(kernel, b"/file")
    kernel.symlink(b"file", AT_FDCWD, b"/link")
    kernel.utimens(AT_FDCWD, b"/link", 5, 6, follow=False)

    assert kernel.stat(AT_FDCWD, b"/link", follow=False).mtime_ns == 6
    assert kernel.stat(AT_FDCWD, b"/link").mtime_ns != 6


def test_writing_moves_the_modification_time_forward(kernel: Kernel) -> None:
    fd = kernel.open(AT_FDCWD, b"/file", O_RDWR | O_CREAT, 0o644)
    kernel.utimens(AT_FDCWD, b"/file", 1, 1)
    kernel.write(fd, b"x")

    assert kernel.fstat(fd).mtime_ns > 1


def test_everything_belongs_to_the_guest(kernel: Kernel) -> None:
    write_file(kernel, b"/file")
    found = kernel.stat(AT_FDCWD, b"/file")

    assert (found.uid, found.gid) == (kernel.uid, kernel.gid) == (1000, 1000)


def test_owners_can_not_change(kernel: Kernel) -> None:
    write_file(kernel, b"/file")
    fd = kernel.open(AT_FDCWD, b"/file", O_RDWR, 0)
    kernel.chown(AT_FDCWD, b"/file", 1000, -1)
    kernel.fchown(fd, 0xFFFFFFFF, 1000)

    with fails_with(Errno.EPERM):
        kernel.chown(AT_FDCWD, b"/file", 0, -1)
    with fails_with(Errno.EPERM):
        kernel.fchown(fd, 1000, 0)
    with fails_with(Errno.ENOENT):
        kernel.chown(AT_FDCWD, b"/none", 1000, 1000)


def test_a_directory_counts_the_directories_in_it(kernel: Kernel) -> None:
    before = kernel.stat(AT_FDCWD, b"/").links
    kernel.mkdir(AT_FDCWD, b"/one", 0o755)
    kernel.mkdir(AT_FDCWD, b"/two", 0o755)
    write_file(kernel, b"/file")
    kernel.rename(AT_FDCWD, b"/one", AT_FDCWD, b"/two")

    assert kernel.stat(AT_FDCWD, b"/").links == before + 1


@pytest.mark.parametrize(
    ("mode", "wanted", "granted"),
    [
        (0o000, F_OK, True),
        (0o400, R_OK, True),
        (0o400, R_OK | W_OK, False),
        (0o300, W_OK | X_OK, True),
        (0o077, R_OK, False),
    ],
)
def test_access_looks_at_the_owners_permissions(
    kernel: Kernel, mode: int, wanted: int, granted: bool
) -> None:
    write_file(kernel, b"/file")
    kernel.chmod(AT_FDCWD, b"/file", mode)

    if granted:
        kernel.access(AT_FDCWD, b"/file", wanted)
    else:
        with fails_with(Errno.EACCES):
            kernel.access(AT_FDCWD, b"/file", wanted)


def test_access_refuses_an_unknown_mode(kernel: Kernel) -> None:
    with fails_with(Errno.EINVAL):
        kernel.access(AT_FDCWD, b"/", 8)


def test_a_read_only_filesystem_says_so(with_devices: Kernel) -> None:
    assert with_devices.statfs(b"/dev").flags == ST_RDONLY
    with fails_with(Errno.EROFS):
        with_devices.access(AT_FDCWD, b"/dev", W_OK)


def test_a_read_only_filesystem_does_not_change(with_devices: Kernel) -> None:
    with fails_with(Errno.EROFS):
        write_file(with_devices, b"/dev/new")
    with fails_with(Errno.EROFS):
        with_devices.mkdir(AT_FDCWD, b"/dev/new", 0o755)
    with fails_with(Errno.EROFS):
        with_devices.symlink(b"x", AT_FDCWD, b"/dev/new")
    with fails_with(Errno.EROFS):
        with_devices.unlink(AT_FDCWD, b"/dev/null")
    with fails_with(Errno.EROFS):
        with_devices.rename(AT_FDCWD, b"/dev/null", AT_FDCWD, b"/dev/new")
    with fails_with(Errno.EROFS):
        with_devices.chmod(AT_FDCWD, b"/dev/null", 0o600)
    with fails_with(Errno.EROFS):
        with_devices.utimens(AT_FDCWD, b"/dev/null", 1, 1)


def test_what_is_there_exists_even_on_a_read_only_filesystem(with_devices: Kernel) -> None:
    with fails_with(Errno.EEXIST):
        with_devices.mkdir(AT_FDCWD, b"/dev/null", 0o755)


def test_statistics_are_those_of_the_quota() -> None:
    kernel = new_kernel(quota=Quota(40_960, 7))
    write_file(kernel, b"/f", b"x" * 4000)
    found = kernel.statfs(b"/")

    assert (found.block_size, found.blocks, found.blocks_free) == (4096, 10, 8)
    assert (found.files, found.files_free) == (7, 6)
    assert kernel.fstatfs(kernel.open(AT_FDCWD, b"/f", 0, 0)) == found


def test_nothing_is_a_terminal(kernel: Kernel) -> None:
    assert not kernel.is_terminal(1)
    with fails_with(Errno.EBADF):
        kernel.is_terminal(77)
