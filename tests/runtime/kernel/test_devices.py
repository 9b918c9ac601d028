"""/dev."""

from __future__ import annotations

import pytest
from kernel_checks import fails_with, names_in, new_kernel
from known_input import KnownInput

from hermetic_runtime.kernel.constants import (
    AT_FDCWD,
    O_CREAT,
    O_RDONLY,
    O_RDWR,
    O_WRONLY,
    SEEK_CUR,
    SEEK_END,
)
from hermetic_runtime.kernel.devices import DeviceFilesystem
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.kernel import Kernel


@pytest.fixture
def output() -> dict[str, bytes]:
    return {}


@pytest.fixture
def kernel(output: dict[str, bytes]) -> Kernel:
    mounts = {b"/dev": DeviceFilesystem()}
    return new_kernel(mounts=mounts, stdin=KnownInput(b"input"), output=output)


def open_device(kernel: Kernel, name: bytes, flags: int = O_RDWR) -> int:
    return kernel.open(AT_FDCWD, b"/dev/" + name, flags, 0)


def test_all_are_listed_as_character_devices(kernel: Kernel) -> None:
    for name in set(names_in(kernel, b"/dev")) - {b"fd"}:
        assert kernel.stat(AT_FDCWD, b"/dev/" + name).mode == 0o020666


def test_null_is_empty_and_takes_everything(kernel: Kernel) -> None:
    fd = open_device(kernel, b"null")

    assert kernel.read(fd, 10) == b""
    assert kernel.write(fd, b"abc") == 3
    assert kernel.seek(fd, 0, SEEK_END) == 0


def test_zero_gives_zeros_of_a_bounded_amount(kernel: Kernel) -> None:
    fd = open_device(kernel, b"zero")

    assert bytes(kernel.read(fd, 3)) == b"\0\0\0"
    assert 0 < len(kernel.read(fd, 2**40)) <= 2**24


def test_full_has_no_room(kernel: Kernel) -> None:
    with fails_with(Errno.ENOSPC):
        kernel.write(open_device(kernel, b"full"), b"x")


@pytest.mark.parametrize("name", [b"random", b"urandom"])
def test_random_devices_differ_each_time(kernel: Kernel, name: bytes) -> None:
    fd = open_device(kernel, name, O_RDONLY)

    assert bytes(kernel.read(fd, 16)) != bytes(kernel.read(fd, 16))
    assert 0 < len(kernel.read(fd, 2**40)) <= 2**24


def test_devices_are_opened_for_what_is_asked(kernel: Kernel) -> None:
    with fails_with(Errno.EBADF):
        kernel.write(open_device(kernel, b"null", O_RDONLY), b"x")
    with fails_with(Errno.EBADF):
        kernel.read(open_device(kernel, b"zero", O_WRONLY), 1)


def test_standard_stream_devices_are_duplicates(kernel: Kernel, output: dict[str, bytes]) -> None:
    kernel.write(open_device(kernel, b"stdout", O_WRONLY), b"out")
    kernel.write(open_device(kernel, b"stderr", O_WRONLY), b"err")

    assert bytes(kernel.read(open_device(kernel, b"stdin", O_RDONLY), 10)) == b"input"
    assert output == {"stdout": b"out", "stderr": b"err"}


def test_a_closed_standard_stream_has_no_device(kernel: Kernel) -> None:
    kernel.close(0)
    with fails_with(Errno.ENOENT):
        open_device(kernel, b"stdin", O_RDONLY)


def test_a_descriptor_is_opened_again_by_its_number(kernel: Kernel) -> None:
    fd = kernel.open(AT_FDCWD, b"file", O_RDWR | O_CREAT, 0o644)
    kernel.write(fd, b"abc")

    again = open_device(kernel, b"fd/%d" % fd)
    kernel.write(again, b"def")
    kernel.close(fd)

    assert kernel.seek(again, 0, SEEK_CUR) == 6
    assert kernel.fstat(again).size == 6


@pytest.mark.parametrize("name", [b"99", b"-1", b"01", b"x", b"1/", b"9999999999999999999999"])
def test_what_is_no_open_descriptor_can_not_be_opened_again(kernel: Kernel, name: bytes) -> None:
    with pytest.raises(Failure) as failed:
        open_device(kernel, b"fd/" + name)
    assert failed.value.errno in (Errno.ENOENT, Errno.ENOTDIR)


def test_the_directory_of_descriptors_never_changes(kernel: Kernel) -> None:
    assert kernel.stat(AT_FDCWD, b"/dev/fd").mode == 0o040555
    assert list(names_in(kernel, b"/dev/fd")) == []
    with pytest.raises(Failure):
        kernel.open(AT_FDCWD, b"/dev/fd/new", O_RDWR | O_CREAT, 0o644)
    with pytest.raises(Failure):
        kernel.unlink(AT_FDCWD, b"/dev/fd/0")
    with pytest.raises(Failure):
        kernel.rmdir(AT_FDCWD, b"/dev/fd")
