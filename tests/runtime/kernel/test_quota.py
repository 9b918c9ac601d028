"""Everything that a guest stores is counted, and what it removes is given back."""

from __future__ import annotations

import pytest
from kernel_checks import fails_with, new_kernel, write_file

from hermetic_runtime.kernel.constants import AT_FDCWD, O_CREAT, O_RDWR
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.memory import MemoryFilesystem
from hermetic_runtime.kernel.quota import Quota

ENTRY = 256


def limited(disk_bytes: int = 10_000, files: int = 100) -> tuple[Kernel, Quota]:
    quota = Quota(disk_bytes, files)
    return new_kernel(quota=quota), quota


def test_a_file_costs_its_entry_its_name_and_its_data() -> None:
    kernel, quota = limited()
    write_file(kernel, b"/name", b"12345")

    assert (quota.bytes_used, quota.files_used) == (ENTRY + 4 + 5, 1)


def test_a_symlink_costs_its_target() -> None:
    kernel, quota = limited()
    kernel.symlink(b"target", AT_FDCWD, b"/l")

    assert quota.bytes_used == ENTRY + 1 + 6


def test_everything_that_is_removed_is_given_back() -> None:
    kernel, quota = limited()
    kernel.mkdir(AT_FDCWD, b"/d", 0o755)
    write_file(kernel, b"/d/file", b"data")
    kernel.link(AT_FDCWD, b"/d/file", AT_FDCWD, b"/d/hard")
    kernel.symlink(b"target", AT_FDCWD, b"/d/link")
    kernel.rename(AT_FDCWD, b"/d/link", AT_FDCWD, b"/d/a-longer-name")
    kernel.rename(AT_FDCWD, b"/d/hard", AT_FDCWD, b"/d/a-longer-name")
    kernel.truncate(AT_FDCWD, b"/d/file", 1)
    kernel.truncate(AT_FDCWD, b"/d/file", 100)
    for name in (b"file", b"a-longer-name"):
        kernel.unlink(AT_FDCWD, b"/d/" + name)
    kernel.rmdir(AT_FDCWD, b"/d")

    assert (quota.bytes_used, quota.files_used) == (0, 0)


def test_data_beyond_the_quota_is_refused() -> None:
    kernel, quota = limited(disk_bytes=ENTRY + 1 + 10)
    fd = kernel.open(AT_FDCWD, b"/f", O_RDWR | O_CREAT, 0o666)
    kernel.write(fd, bytes(10))

    with fails_with(Errno.ENOSPC):
        kernel.write(fd, b"x")
    assert kernel.fstat(fd).size == 10
    assert quota.refused == {"disk_bytes"}


@pytest.mark.parametrize("size", [10**6, 2**62])
def test_a_hole_counts_whole(size: int) -> None:
    kernel, _ = limited()
    fd = kernel.open(AT_FDCWD, b"/f", O_RDWR | O_CREAT, 0o666)

    with fails_with(Errno.ENOSPC):
        kernel.ftruncate(fd, size)
    with fails_with(Errno.ENOSPC):
        kernel.pwrite(fd, b"x", size)
    with fails_with(Errno.ENOSPC):
        kernel.allocate(fd, size, 1)


def test_a_file_can_not_be_larger_than_an_offset() -> None:
    kernel, _ = limited()
    fd = kernel.open(AT_FDCWD, b"/f", O_RDWR | O_CREAT, 0o666)

    with fails_with(Errno.EFBIG):
        kernel.pwrite(fd, b"xx", 2**63 - 2)


def test_files_beyond_the_quota_are_refused() -> None:
    kernel, quota = limited(files=2)
    write_file(kernel, b"/one")
    kernel.mkdir(AT_FDCWD, b"/two", 0o755)

    with fails_with(Errno.ENOSPC):
        write_file(kernel, b"/three")
    with fails_with(Errno.ENOSPC):
        kernel.mkdir(AT_FDCWD, b"/three", 0o755)
    with fails_with(Errno.ENOSPC):
        kernel.symlink(b"x", AT_FDCWD, b"/three")
    with fails_with(Errno.ENOSPC):
        kernel.link(AT_FDCWD, b"/one", AT_FDCWD, b"/three")
    assert quota.refused == {"files"}
    assert (quota.bytes_used, quota.files_used) == (2 * ENTRY + 6, 2)


def test_renaming_works_on_a_full_disk_unless_the_name_grows() -> None:
    kernel, _ = limited(disk_bytes=2 * (ENTRY + 3))
    write_file(kernel, b"/one")
    write_file(kernel, b"/two")
    kernel.rename(AT_FDCWD, b"/one", AT_FDCWD, b"/six")

    with fails_with(Errno.ENOSPC):
        kernel.rename(AT_FDCWD, b"/six", AT_FDCWD, b"/seven")
    kernel.rename(AT_FDCWD, b"/six", AT_FDCWD, b"/two")


def test_an_unlinked_open_file_counts_until_it_is_closed() -> None:
    kernel, quota = limited()
    fd = kernel.open(AT_FDCWD, b"/f", O_RDWR | O_CREAT, 0o666)
    kernel.write(fd, bytes(50))
    kernel.unlink(AT_FDCWD, b"/f")
    kernel.write(fd, bytes(50))
    assert (quota.bytes_used, quota.files_used) == (100, 0)

    kernel.close(fd)
    assert quota.bytes_used == 0


@pytest.mark.parametrize("folder", [b"/tmp", b"/data", b"/data/in"])
def test_folders_that_cost_the_guest_nothing_can_be_neither_removed_nor_renamed(
    folder: bytes,
) -> None:
    quota = Quota(10_000, 100)
    root = MemoryFilesystem(quota)
    root.root.create_mount_point(b"tmp")
    kernel = new_kernel(quota=quota, mounts={b"/": root, b"/data/in": MemoryFilesystem(quota)})
    kernel.mkdir(AT_FDCWD, b"/new", 0o755)

    with fails_with(Errno.EBUSY):
        kernel.rmdir(AT_FDCWD, folder)
    with fails_with(Errno.EBUSY):
        kernel.rename(AT_FDCWD, folder, AT_FDCWD, folder + b"x")
    with fails_with(Errno.EBUSY):
        kernel.rename(AT_FDCWD, b"/new", AT_FDCWD, folder)
