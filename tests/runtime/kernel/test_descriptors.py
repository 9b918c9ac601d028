"""The descriptor table and what descriptors share."""

from __future__ import annotations

import pytest
from kernel_checks import MIB, exists, fails_with, new_kernel
from known_input import KnownInput

from hermetic_runtime.kernel.constants import (
    AT_FDCWD,
    FD_CLOEXEC,
    O_APPEND,
    O_CLOEXEC,
    O_CREAT,
    O_NONBLOCK,
    O_RDONLY,
    O_RDWR,
    O_WRONLY,
    SEEK_CUR,
    SEEK_SET,
)
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.quota import Quota


def open_root(kernel: Kernel, flags: int = O_RDONLY) -> int:
    return kernel.open(AT_FDCWD, b"/", flags, 0)


def test_the_lowest_free_number_is_given(kernel: Kernel) -> None:
    assert [open_root(kernel) for _ in range(3)] == [3, 4, 5]
    kernel.close(4)
    kernel.close(0)

    assert [open_root(kernel) for _ in range(3)] == [0, 4, 6]


@pytest.mark.parametrize("fd", [-1, 3, 10**9, -100])
def test_what_is_not_open_can_not_be_used(kernel: Kernel, fd: int) -> None:
    with fails_with(Errno.EBADF):
        kernel.read(fd, 1)
    with fails_with(Errno.EBADF):
        kernel.close(fd)
    with fails_with(Errno.EBADF):
        kernel.dup(fd)


def test_the_table_has_a_limit() -> None:
    kernel = new_kernel(open_files=4)
    open_root(kernel)

    with fails_with(Errno.EMFILE):
        open_root(kernel)
    with fails_with(Errno.EMFILE):
        kernel.dup(1)


def test_a_full_table_makes_no_file() -> None:
    kernel = new_kernel(open_files=3)
    with fails_with(Errno.EMFILE):
        kernel.open(AT_FDCWD, b"/file", O_RDWR | O_CREAT, 0o666)

    assert not exists(kernel, b"/file")


def test_a_pipe_that_fits_by_half_is_not_made() -> None:
    kernel = new_kernel(open_files=4)
    with fails_with(Errno.EMFILE):
        kernel.pipe()

    assert open_root(kernel) == 3


def test_duplicates_share_offset_and_flags(kernel: Kernel) -> None:
    fd = kernel.open(AT_FDCWD, b"/file", O_RDWR | O_CREAT, 0o666)
    other = kernel.dup(fd)
    kernel.write(fd, b"abc")
    kernel.set_status_flags(other, O_APPEND)

    assert kernel.seek(other, 0, SEEK_CUR) == 3
    assert kernel.status_flags(fd) == O_RDWR | O_APPEND


def test_two_openings_share_no_offset(kernel: Kernel) -> None:
    one = kernel.open(AT_FDCWD, b"/file", O_RDWR | O_CREAT, 0o666)
    two = kernel.open(AT_FDCWD, b"/file", O_RDWR, 0)
    kernel.write(one, b"abc")

    assert bytes(kernel.read(two, 10)) == b"abc"


def test_a_duplicate_survives_its_original(kernel: Kernel) -> None:
    fd = kernel.open(AT_FDCWD, b"/file", O_RDWR | O_CREAT, 0o666)
    other = kernel.dup(fd)
    kernel.close(fd)
    kernel.write(other, b"abc")

    assert kernel.fstat(other).size == 3


def test_a_duplicate_can_have_a_least_number(kernel: Kernel) -> None:
    assert kernel.dup(1, 10) == 10
    assert kernel.dup(1, 10) == 11
    assert kernel.dup(1) == 3
    for minimum in (-1, 64):
        with fails_with(Errno.EINVAL):
            kernel.dup(1, minimum)


def test_duplicating_to_a_number_closes_what_is_there(kernel: Kernel) -> None:
    reader, writer = kernel.pipe()
    assert kernel.dup_to(1, writer) == writer

    assert bytes(kernel.read(reader, 1)) == b""


def test_duplicating_to_the_same_number_does_nothing(kernel: Kernel) -> None:
    fd = kernel.open(AT_FDCWD, b"/file", O_RDWR | O_CREAT, 0o666)
    assert kernel.dup_to(fd, fd) == fd

    assert kernel.write(fd, b"x") == 1


@pytest.mark.parametrize("number", [-1, 64])
def test_duplicating_to_a_number_out_of_range_fails(kernel: Kernel, number: int) -> None:
    with fails_with(Errno.EBADF):
        kernel.dup_to(1, number)


def test_close_on_exec_belongs_to_one_descriptor(kernel: Kernel) -> None:
    fd = open_root(kernel, O_CLOEXEC)
    other = kernel.dup(fd)
    third = kernel.dup(fd, cloexec=True)

    assert [kernel.descriptor_flags(each) for each in (fd, other, third)] == [1, 0, 1]
    kernel.set_descriptor_flags(fd, 0)
    kernel.set_descriptor_flags(other, FD_CLOEXEC)
    assert [kernel.descriptor_flags(each) for each in (fd, other)] == [0, 1]


def test_a_reused_number_forgets_close_on_exec(kernel: Kernel) -> None:
    kernel.close(open_root(kernel, O_CLOEXEC))

    assert kernel.descriptor_flags(open_root(kernel)) == 0


def test_changing_status_flags_leaves_the_access(kernel: Kernel) -> None:
    fd = open_root(kernel)
    kernel.set_status_flags(fd, O_NONBLOCK | O_WRONLY | O_CREAT)

    assert kernel.status_flags(fd) == O_RDONLY | O_NONBLOCK


def test_closing_everything_frees_unlinked_files() -> None:
    quota = Quota(MIB, 10)
    kernel = new_kernel(quota=quota)
    fd = kernel.open(AT_FDCWD, b"/file", O_RDWR | O_CREAT, 0o666)
    kernel.write(fd, b"x" * 100)
    kernel.unlink(AT_FDCWD, b"/file")
    assert quota.bytes_used == 100

    kernel.close_all()
    assert quota.bytes_used == 0


def test_standard_streams_are_open_from_the_start() -> None:
    output: dict[str, bytes] = {}
    kernel = new_kernel(stdin=KnownInput(b"input"), output=output)
    kernel.write(1, b"out")
    kernel.write(2, b"err")

    assert output == {"stdout": b"out", "stderr": b"err"}
    assert [bytes(kernel.read(0, 3)), bytes(kernel.read(0, 3)), kernel.read(0, 3)] == [
        b"inp",
        b"ut",
        b"",
    ]


def test_standard_streams_go_one_way_and_have_no_offset(kernel: Kernel) -> None:
    with fails_with(Errno.EBADF):
        kernel.write(0, b"x")
    with fails_with(Errno.EBADF):
        kernel.read(1, 1)
    with fails_with(Errno.ESPIPE):
        kernel.seek(0, 0, SEEK_SET)
    with fails_with(Errno.ESPIPE):
        kernel.pread(0, 1, 0)
    with fails_with(Errno.EINVAL):
        kernel.ftruncate(1, 0)


def test_standard_streams_are_character_devices(kernel: Kernel) -> None:
    assert {kernel.fstat(fd).mode & 0o170000 for fd in (0, 1, 2)} == {0o020000}


def test_streams_that_were_closed_are_opened_again() -> None:
    output: dict[str, bytes] = {}
    kernel = new_kernel(output=output)
    for fd in range(3):
        kernel.close(fd)

    kernel.reopen_streams()

    kernel.write(1, b"out")
    kernel.write(2, b"err")
    assert (kernel.read(0, 1), output) == (b"", {"stdout": b"out", "stderr": b"err"})


def test_what_took_the_place_of_a_stream_stays_there() -> None:
    kernel = new_kernel()
    reader, writer = kernel.pipe()
    kernel.dup_to(reader, 0)

    kernel.reopen_streams()

    kernel.write(writer, b"x")
    assert kernel.read(0, 1) == b"x"
