"""For which memory huge pages are asked."""

from __future__ import annotations

import ctypes
import mmap
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hermetic_runtime.sessions.huge_pages import ask_for_huge_pages

MIB = 1024 * 1024
pytestmark = pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage").exists(), reason="no huge pages to ask for"
)


@pytest.fixture
def memory() -> Iterator[memoryview]:
    """16 MiB that begin where a huge page may."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    with mmap.mmap(-1, 18 * MIB, flags=flags) as mapped, memoryview(mapped) as whole:
        first = -ctypes.addressof(ctypes.c_char.from_buffer(whole)) % (2 * MIB)
        with whole[first : first + 16 * MIB] as view:
            yield view


def asked_for(memory: memoryview) -> list[tuple[int, int]]:
    """The ranges of a memory with VmFlags hg (proc_pid_smaps(5)), in MiB."""
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    found: list[tuple[int, int]] = []
    start = end = 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if mapping := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            start, end = (int(each, 16) - address for each in mapping.groups())
        elif line.startswith("VmFlags:") and "hg" in line.split():
            start, end = max(start, 0), min(end, len(memory))
            if start < end:
                found.append((start // MIB, end // MIB))
    return found


def test_long_ranges_get_them(memory: memoryview) -> None:
    ask_for_huge_pages(memory, [(2 * MIB, 4 * MIB), (8 * MIB, 16 * MIB)])

    assert asked_for(memory) == [(2, 4), (8, 16)]


def test_a_range_that_ends_within_one_gets_that_too(memory: memoryview) -> None:
    ask_for_huge_pages(memory, [(MIB, 3 * MIB), (8 * MIB, 9 * MIB + 1)])

    assert asked_for(memory) == [(1, 4), (8, 10)]


def test_memory_that_ends_within_one_has_them_up_to_there(memory: memoryview) -> None:
    ask_for_huge_pages(memory[: 15 * MIB], [(8 * MIB, 14 * MIB + 1)])

    assert asked_for(memory) == [(8, 15)]


def test_what_is_written_to_here_and_there_gets_none(memory: memoryview) -> None:
    ask_for_huge_pages(memory, [(start, start + MIB // 2) for start in range(0, 16 * MIB, MIB)])

    assert asked_for(memory) == []


def test_a_range_that_is_empty_or_less_gets_none(memory: memoryview) -> None:
    ask_for_huge_pages(memory, [(8 * MIB, 2 * MIB), (MIB, MIB)])

    assert asked_for(memory) == []
