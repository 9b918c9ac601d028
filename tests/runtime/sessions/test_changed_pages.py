"""What a session keeps of its memory: the pages that differ from its snapshot's."""

from __future__ import annotations

import pytest

from hermetic_runtime.sessions.pages import BLOCK_BYTES, PAGE_BYTES, changed_pages

BLOCKS = 4
PAGES = BLOCKS * BLOCK_BYTES // PAGE_BYTES


def memory(**changed: int) -> memoryview:
    """Of `BLOCKS` blocks; `changed` says what is at the beginning of each page named so."""
    contents = bytearray(b"s" * BLOCKS * BLOCK_BYTES)
    for name, value in changed.items():
        contents[int(name.removeprefix("page")) * PAGE_BYTES] = value
    return memoryview(contents)


def pages_of(runs: list[tuple[int, bytes]]) -> list[int]:
    return [
        first + number for first, contents in runs for number in range(len(contents) // PAGE_BYTES)
    ]


def test_pages_that_differ_are_found() -> None:
    current = memory(page0=1, page1=1, page17=1, page63=1)

    assert pages_of([*changed_pages(current, memory())]) == [0, 1, 17, 63]


def test_what_lies_behind_the_snapshot_is_compared_with_zeros() -> None:
    current = memoryview(bytearray(BLOCKS * BLOCK_BYTES))
    current[40 * PAGE_BYTES] = 1

    found = [*changed_pages(current, current[: 2 * BLOCK_BYTES])]

    assert pages_of(found) == [40]


@pytest.mark.parametrize(
    "written",
    [
        [(0, PAGES * PAGE_BYTES)],
        [(0, 2 * PAGE_BYTES), (17 * PAGE_BYTES, 18 * PAGE_BYTES), (62 * PAGE_BYTES, 262144)],
        [(0, PAGE_BYTES), (PAGE_BYTES, 20 * PAGE_BYTES), (20 * PAGE_BYTES, 64 * PAGE_BYTES)],
    ],
)
def test_ranges_that_were_written_to_are_enough_to_look_at(written: list[tuple[int, int]]) -> None:
    current = memory(page0=1, page1=1, page17=1, page63=1)

    assert [*changed_pages(current, memory(), written)] == [*changed_pages(current, memory())]


def test_blocks_that_were_not_written_to_are_not_looked_at() -> None:
    current = memory(page0=1, page17=1, page40=1)

    found = [*changed_pages(current, memory(), [(17 * PAGE_BYTES, 18 * PAGE_BYTES)])]

    assert pages_of(found) == [17]
