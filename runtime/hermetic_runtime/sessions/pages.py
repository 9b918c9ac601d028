"""The pages in which one linear memory differs from another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

PAGE_BYTES = 4096
BLOCK_BYTES = 65_536
_ZEROS = bytes(BLOCK_BYTES)


def changed_pages(
    current: memoryview,
    pristine: memoryview,
    written: Sequence[tuple[int, int]] | None = None,
) -> Iterator[tuple[int, bytes]]:
    """(number of the first page, contents of whole pages) of every run of changed pages.

    `current` is at least as large as `pristine`, which is taken to go on with zeros; both
    are whole blocks. Runs end at the ends of blocks. `written` are ranges of bytes outside of
    which nothing has changed, in order.
    """
    for start in range(0, len(current), BLOCK_BYTES) if written is None else _blocks(written):
        block = current[start : start + BLOCK_BYTES].tobytes()
        before = pristine[start : start + BLOCK_BYTES].tobytes() or _ZEROS
        if block != before:
            for first, end in _runs(block, before):
                yield (start + first) // PAGE_BYTES, block[first:end]


def _blocks(ranges: Iterable[tuple[int, int]]) -> Iterator[int]:
    """Where the blocks begin that have something of ordered ranges."""
    reached = 0
    for start, end in ranges:
        for block in range(max(reached, start - start % BLOCK_BYTES), end, BLOCK_BYTES):
            yield block
            reached = block + BLOCK_BYTES


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
