"""Guest memory: every address and length from the guest is checked."""

from __future__ import annotations

from struct import Struct

import pytest

from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.kernel.errno import Errno, Failure

SIZE = 65_536


@pytest.fixture
def memory() -> GuestMemory:
    contents = bytearray(SIZE)
    return GuestMemory(lambda: memoryview(contents))


def failing_errno(memory: GuestMemory, method: str, *arguments: object) -> Errno:
    with pytest.raises(Failure) as caught:
        getattr(memory, method)(*arguments)
    return caught.value.errno


def test_what_is_written_is_read_back(memory: GuestMemory) -> None:
    memory.write(100, b"hello")

    assert memory.read(100, 5) == b"hello"


def test_the_last_byte_can_be_reached(memory: GuestMemory) -> None:
    memory.write(SIZE - 1, b"x")

    assert memory.read(SIZE - 1, 1) == b"x"


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("read", (SIZE, 1)),
        ("read", (SIZE - 1, 2)),
        ("read", (0, SIZE + 1)),
        ("read", (0xFFFFFFFF, 0xFFFFFFFF)),
        ("read", (10, -1)),
        ("write", (SIZE - 2, b"abc")),
        ("read_u32", (SIZE - 3,)),
        ("read_i32", (0xFFFFFFFF,)),
        ("write_u32", (SIZE - 3, 1)),
        ("write_u64", (SIZE - 7, 1)),
        ("unpack", (Struct("<3i"), SIZE - 11)),
        ("c_string", (SIZE,)),
        ("io_vectors", (SIZE - 8, 2)),
    ],
)
def test_reaching_outside_is_a_fault(
    memory: GuestMemory, method: str, arguments: tuple[object, ...]
) -> None:
    assert failing_errno(memory, method, *arguments) is Errno.EFAULT


def test_a_string_ends_at_its_nul(memory: GuestMemory) -> None:
    memory.write(7, b"/tmp/x\0rest")

    assert memory.c_string(7) == b"/tmp/x"


def test_a_long_string_is_found_whole(memory: GuestMemory) -> None:
    memory.write(7, b"a" * 4000 + b"\0")

    assert memory.c_string(7) == b"a" * 4000


def test_a_string_without_end_is_too_long(memory: GuestMemory) -> None:
    memory.write(0, b"a" * 5000)

    assert failing_errno(memory, "c_string", 0) is Errno.ENAMETOOLONG


def test_a_string_that_runs_off_the_end_is_a_fault(memory: GuestMemory) -> None:
    memory.write(SIZE - 10, b"a" * 10)

    assert failing_errno(memory, "c_string", SIZE - 10) is Errno.EFAULT


@pytest.mark.parametrize("count", [-1, 1025, 2**31])
def test_the_number_of_io_vectors_is_bounded(memory: GuestMemory, count: int) -> None:
    assert failing_errno(memory, "io_vectors", 0, count) is Errno.EINVAL


def test_memory_that_grew_is_seen_after_a_refresh() -> None:
    pieces = [bytearray(10), bytearray(20)]
    memory = GuestMemory(lambda: memoryview(pieces.pop(0)))

    memory.refresh()

    assert memory.size == 20


def test_closed_memory_can_not_be_reached(memory: GuestMemory) -> None:
    memory.close()

    assert failing_errno(memory, "read", 0, 1) is Errno.EFAULT


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("check", (SIZE - 1, 2)),
        ("read", (SIZE - 1, 2)),
        ("write", (SIZE - 2, b"abc")),
        ("read_u32", (SIZE - 3,)),
        ("read_i32", (SIZE,)),
        ("write_u32", (SIZE - 3, 1)),
        ("write_u64", (SIZE - 7, 1)),
        ("unpack", (Struct("<3i"), SIZE - 11)),
        ("c_string", (SIZE - 3,)),
        ("c_string", (SIZE,)),
        ("io_vectors", (SIZE - 8, 2)),
    ],
)
def test_memory_that_grew_without_a_word_is_reached(
    method: str, arguments: tuple[object, ...]
) -> None:
    contents = bytearray(b"x" * SIZE)
    memory = GuestMemory(lambda: memoryview(contents))
    contents = contents + bytes(SIZE)

    getattr(memory, method)(*arguments)

    assert memory.size == 2 * SIZE
