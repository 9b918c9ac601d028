"""What WASI's functions leave in guest memory, by the layouts of preview1."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from known_input import KnownInput

from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.abi.wasi import WasiABI
from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.constants import AT_FDCWD, O_CREAT, O_RDONLY, O_RDWR, O_WRONLY
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.memory import MemoryFilesystem
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.kernel.streams import OutputBudget, OutputStream
from hermetic_runtime.kernel.wakeup import Wakeup

ROOT_FD = 3
PATH, BUFFER, RESULT = 0, 4096, 60_000
READ, WRITE = 1 << 1, 1 << 6
CREATE, DIRECTORY = 1, 2
FOLLOW = 1
DIRECTORY_TYPE, REGULAR_TYPE, SYMLINK_TYPE = 3, 4, 7
ENTRY = struct.Struct("<QQIB3x")


class Guest:
    def __init__(self) -> None:
        quota, budget = Quota(1024 * 1024, 1000), OutputBudget(1000)
        self.wakeup = Wakeup()
        self.kernel = Kernel(
            mounts={b"/": MemoryFilesystem(quota)},
            quota=quota,
            open_files=16,
            stdin=KnownInput(b"input"),
            stdout=OutputStream("stdout", budget, lambda *_: None),
            stderr=OutputStream("stderr", budget, lambda *_: None),
            wakeup=self.wakeup,
            clock=Clock(),
            cwd=b"/",
        )
        self.contents = bytearray(65_536)
        self.memory = GuestMemory(lambda: memoryview(self.contents))
        self._abi = WasiABI(self.kernel, self.memory, environment={"A": "b"}, program="python")

    def call(self, name: str, *arguments: int) -> int:
        (function,) = self._abi.calls((("wasi_snapshot_preview1", name),))
        return function(*arguments)

    def path(self, text: bytes) -> tuple[int, int]:
        self.memory.write(PATH, text)
        return PATH, len(text)

    def open(self, path: bytes, how: int = 0, rights: int = READ) -> int:
        place = self.path(path)
        assert self.call("path_open", ROOT_FD, FOLLOW, *place, how, rights, 0, 0, RESULT) == 0
        return self.memory.read_u32(RESULT)

    def read_directory(self, fd: int, size: int, cookie: int) -> bytes:
        assert self.call("fd_readdir", fd, BUFFER, size, cookie, RESULT) == 0
        return self.memory.read(BUFFER, self.memory.read_u32(RESULT))


@pytest.fixture
def guest() -> Iterator[Guest]:
    guest = Guest()
    yield guest
    guest.kernel.close_all()


def test_the_root_is_the_one_directory_that_is_open_from_the_start(guest: Guest) -> None:
    assert guest.call("fd_prestat_get", ROOT_FD, BUFFER) == 0
    assert guest.memory.unpack(struct.Struct("<BxxxI"), BUFFER) == (0, 1)
    assert guest.call("fd_prestat_dir_name", ROOT_FD, BUFFER, 1) == 0
    assert guest.memory.read(BUFFER, 1) == b"/"
    assert guest.call("fd_prestat_get", ROOT_FD + 1, BUFFER) == Errno.EBADF


@pytest.mark.parametrize(
    ("rights", "flags"), [(READ, O_RDONLY), (WRITE, O_WRONLY), (READ | WRITE, O_RDWR)]
)
def test_rights_say_how_a_file_is_opened_and_are_told_again(
    guest: Guest, rights: int, flags: int
) -> None:
    fd = guest.open(b"file", CREATE, rights)

    assert guest.kernel.status_flags(fd) & 3 == flags
    assert guest.call("fd_fdstat_get", fd, BUFFER) == 0
    kind, _, told, _ = struct.unpack("<BxH4xQQ", guest.memory.read(BUFFER, 24))
    assert (kind, told & (READ | WRITE)) == (REGULAR_TYPE, rights)


def test_a_path_with_a_nul_inside_is_invalid(guest: Guest) -> None:
    assert guest.call("path_create_directory", ROOT_FD, *guest.path(b"a\0b")) == Errno.EINVAL


def test_a_path_that_is_too_long_is_refused_before_it_is_read(guest: Guest) -> None:
    assert guest.call("path_unlink_file", ROOT_FD, 0, 0xFFFFFFFF) == Errno.ENAMETOOLONG


def test_attributes_are_laid_out_as_filestat(guest: Guest) -> None:
    fd = guest.open(b"file", CREATE, WRITE)
    guest.kernel.write(fd, b"12345")
    guest.call("fd_filestat_set_times", fd, 5, 7, 1 | 4)

    guest.call("path_filestat_get", ROOT_FD, FOLLOW, *guest.path(b"file"), BUFFER)
    fields = struct.unpack("<QQB7xQQQQQ", guest.memory.read(BUFFER, 64))

    assert fields[2:7] == (REGULAR_TYPE, 1, 5, 5, 7)


@pytest.mark.parametrize(("time_ns", "told"), [(-1, 0), (2**65, 2**64 - 1)])
def test_a_time_that_filestat_can_not_hold_is_the_nearest(
    time_ns: int, told: int, guest: Guest
) -> None:
    fd = guest.open(b"file", CREATE, READ | WRITE)
    guest.kernel.futimens(fd, time_ns, time_ns)

    assert guest.call("fd_filestat_get", fd, BUFFER) == 0
    assert guest.memory.unpack(struct.Struct("<40xQ"), BUFFER) == (told,)


def test_links_are_followed_only_when_asked(guest: Guest) -> None:
    guest.kernel.mkdir(AT_FDCWD, b"folder", 0o777)
    guest.kernel.symlink(b"folder", AT_FDCWD, b"link")

    kinds: list[int] = []
    for lookup in (0, FOLLOW):
        guest.call("path_filestat_get", ROOT_FD, lookup, *guest.path(b"link"), BUFFER)
        kinds.append(guest.memory.read(BUFFER + 16, 1)[0])

    assert kinds == [SYMLINK_TYPE, DIRECTORY_TYPE]


def test_times_can_not_be_given_and_be_now(guest: Guest) -> None:
    fd = guest.open(b"file", CREATE, WRITE)

    assert guest.call("fd_filestat_set_times", fd, 0, 0, 1 | 2) == Errno.EINVAL


def test_a_directory_is_read_on_from_the_cookie_of_the_last_whole_entry(guest: Guest) -> None:
    names = [b"name%d" % number for number in range(50)]
    for name in names:
        guest.kernel.close(guest.kernel.open(AT_FDCWD, name, O_CREAT | O_RDWR, 0o666))
    fd = guest.open(b".", DIRECTORY)

    found: list[bytes] = []
    cookie = 0
    while True:
        packed = guest.read_directory(fd, 100, cookie)
        at = 0
        while at + ENTRY.size <= len(packed):
            following, _, length, _ = ENTRY.unpack_from(packed, at)
            name = packed[at + ENTRY.size :][:length]
            if len(name) < length:
                break
            found.append(name)
            cookie = following
            at += ENTRY.size + length
        if len(packed) < 100:
            break

    assert sorted(found) == sorted([b".", b"..", *names])


def test_a_wait_for_a_clock_ends_with_its_event(guest: Guest) -> None:
    subscription = struct.pack("<QB7xIxxxxQQH6x", 77, 0, 1, 1_000_000, 0, 0)
    guest.memory.write(PATH, subscription)

    assert guest.call("poll_oneoff", PATH, BUFFER, 1, RESULT) == 0
    assert guest.memory.read_u32(RESULT) == 1
    assert guest.memory.unpack(struct.Struct("<QHB"), BUFFER) == (77, 0, 0)


def test_a_descriptor_that_is_ready_ends_a_wait_before_the_clock(guest: Guest) -> None:
    clock = struct.pack("<QB7xIxxxxQQH6x", 1, 0, 1, 10**12, 0, 0)
    readable = struct.pack("<QB7xI28x", 2, 1, 0)
    guest.memory.write(PATH, clock + readable)

    assert guest.call("poll_oneoff", PATH, BUFFER, 2, RESULT) == 0
    assert guest.memory.read_u32(RESULT) == 1
    assert guest.memory.unpack(struct.Struct("<QHB"), BUFFER) == (2, 0, 1)


def test_waiting_for_a_closed_descriptor_gives_an_event_with_an_error(guest: Guest) -> None:
    guest.memory.write(PATH, struct.pack("<QB7xI28x", 2, 1, 99))

    assert guest.call("poll_oneoff", PATH, BUFFER, 1, RESULT) == 0
    assert guest.memory.unpack(struct.Struct("<QHB"), BUFFER) == (2, Errno.EBADF, 1)


def test_a_sleep_that_is_interrupted_ends_early_and_well(guest: Guest) -> None:
    guest.memory.write(PATH, struct.pack("<QB7xIxxxxQQH6x", 5, 0, 1, 10**15, 0, 0))
    guest.wakeup.interrupt()

    assert guest.call("poll_oneoff", PATH, BUFFER, 1, RESULT) == 0
    assert guest.memory.read_u32(RESULT) == 1


def test_there_are_no_sockets(guest: Guest) -> None:
    assert guest.call("sock_accept", 0, 0, RESULT) == Errno.ENOTSOCK


def test_the_one_argument_is_the_program(guest: Guest) -> None:
    guest.call("args_sizes_get", RESULT, RESULT + 4)
    assert guest.memory.unpack(struct.Struct("<II"), RESULT) == (1, 7)
    guest.call("args_get", RESULT, BUFFER)
    assert guest.memory.c_string(guest.memory.read_u32(RESULT)) == b"python"


def test_random_bytes_fill_memory_that_grew_without_a_word(guest: Guest) -> None:
    size = len(guest.contents)
    guest.contents = bytearray(3 * size)

    assert guest.call("random_get", size, 2 * size) == 0
    assert guest.contents[:size] == bytes(size)
    assert all(any(guest.contents[start : start + 64]) for start in range(size, 3 * size, 64))


def test_random_bytes_past_the_end_are_a_fault(guest: Guest) -> None:
    assert guest.call("random_get", 1, len(guest.contents)) == Errno.EFAULT
    assert not any(guest.contents)
