"""For which memory huge pages are asked."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import pytest

from hermetic_runtime.sessions.huge_pages import HugePages

MIB = 1024 * 1024
PIECE = 64 * 1024


class Asked(HugePages):
    def __init__(self, memory: memoryview, begin: int) -> None:
        super().__init__(memory, begin)
        self.starts = list[int]()

    def _ask(self, start: int) -> None:
        self.starts.append(start)
        super()._ask(start)


@pytest.fixture
def memory() -> Iterator[memoryview]:
    with mmap.mmap(-1, 16 * MIB) as mapped:
        view = memoryview(mapped)
        yield view
        view.release()


def asked_for(memory: memoryview, begin: int, pieces: range) -> list[int]:
    pages = Asked(memory, begin)
    for start in pieces:
        pages.note_written(start, start + PIECE)
    starts = pages.starts
    del pages
    return starts


def test_the_rest_of_a_memory_that_is_filled_gets_them_once(memory: memoryview) -> None:
    assert asked_for(memory, 0, range(0, 8 * MIB, PIECE)) == [MIB]


def test_a_memory_that_is_written_to_here_and_there_gets_none(memory: memoryview) -> None:
    assert asked_for(memory, 0, range(0, 16 * MIB, 2 * PIECE)) == []


def test_what_maps_a_file_does_not_count(memory: memoryview) -> None:
    assert asked_for(memory, 4 * MIB, range(0, 8 * MIB, PIECE)) == [5 * MIB]
