"""The pages in which one linear memory differs from another."""

from __future__ import annotations

from collections.abc import Iterator

PAGE_BYTES = 4096
BLOCK_BYTES = 65_536
_ZEROS = bytes(BLOCK_BYTES)


def changed_pages(current: memoryview, pristine: memoryview) -> Iterator[tuple[int, bytes]]:
    """(number of the first page, contents of whole pages) of every run of changed pages.

    `current` is at least as large as `pristine`, which is taken to go on with zeros; both
    are whole blocks. Runs end at the ends of blocks.
    """
    for start in range(0, len(current), BLOCK_BYTES):
        block = current[start : start + BLOCK_BYTES].tobytes()
        before = pristine[start : start + BLOCK_BYTES].tobytes() or _ZEROS
        if block != before:
            for first, end in _runs(block, before):
                yield (start + first) // PAGE_BYTES, block[first:end]


def _runs(block: bytes, before: bytes) -> Iterator[tuple[int, int]]:
    first: int | None = None
    for page in range(0, BLOCK_BYTES, PAGE_BYTES):
        changed = block[page : page + PAGE_BYTES] != before[page : page + PAGE_BYTES]
        if changed and first is None:
            first = page
        elif not changed and first is not None:
            yield first, page
            first = None
    if first is not None:
        yield first, BLOCK_BYTES
