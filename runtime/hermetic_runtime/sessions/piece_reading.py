"""Bringing the pages of a hibernated guest to where they belong."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, cast

from hermetic_runtime.sessions.file_mapping import map_file
from hermetic_runtime.sessions.page_pieces import (
    PIECE_BYTES,
    SCATTERED_BYTES,
    Piece,
    PlacedPiece,
)

if TYPE_CHECKING:
    import zstandard

_MANY_PIECES = 8
"""Fewer are read sooner than a thread starts."""


def read_pieces(
    descriptor: int, pieces: Iterable[PlacedPiece], memory: memoryview, *, mapping: bool
) -> None:
    """By two threads if they are many. With `mapping`, those that can be are mapped: the file must
    be as long as they say, and stay as it is for as long as there is `memory`.

    Raises `OSError`, `ValueError` and `zstandard.ZstdError`; what is in `memory` is then of
    no use.
    """
    waiting = deque(pieces)
    many = len(waiting) >= _MANY_PIECES
    failures: list[Exception] = []

    def read(take: Callable[[], PlacedPiece]) -> None:
        try:
            _read_all(descriptor, _taken(take), memory, mapping=mapping)
        except Exception as error:
            failures.append(error)

    # From both ends, because two threads that write to one huge page would both clear it.
    thread = Thread(target=read, args=[waiting.pop], daemon=True)
    if many:
        with suppress(RuntimeError):  # there can be no more threads: this one reads all
            thread.start()
    read(waiting.popleft)
    if thread.ident is not None:
        thread.join()
    if failures:
        raise failures[0]


def _taken(take: Callable[[], PlacedPiece]) -> Iterator[PlacedPiece]:
    """One after the other, until none is left for any thread."""
    with suppress(IndexError):
        while True:
            yield take()


def _read_all(
    descriptor: int, pieces: Iterable[PlacedPiece], memory: memoryview, *, mapping: bool
) -> None:
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=PIECE_BYTES)
    scattered = memoryview(bytearray(SCATTERED_BYTES))
    room = bytearray()
    for position, piece in pieces:
        targets = [memory[run.start : run.end] for run in piece.runs]
        if mapping and piece.can_be_mapped and map_file(descriptor, position, targets[0]):
            _verify(piece, targets)
            continue
        if piece.stored_bytes == piece.content_bytes:
            _read_stored(descriptor, position, piece, targets)
            continue
        if len(room) < piece.stored_bytes:
            room = bytearray(piece.stored_bytes)
        compressed = memoryview(room)[: piece.stored_bytes]
        _read_stored(descriptor, position, piece, [compressed])
        stream = decompressor.stream_reader(compressed, read_across_frames=False)
        if len(targets) == 1:
            _fill(targets[0], stream)
        else:
            _fill(scattered[: piece.content_bytes], stream)
            _scatter(scattered, targets)


def _read_stored(
    descriptor: int, position: int, piece: Piece, targets: Sequence[memoryview]
) -> None:
    if os.preadv(descriptor, targets, position) < piece.stored_bytes:
        raise ValueError("it ends too soon")
    _verify(piece, targets)


def _verify(piece: Piece, stored: Iterable[memoryview]) -> None:
    import xxhash

    checksum = xxhash.xxh3_64()
    for part in stored:
        checksum.update(part)
    if checksum.intdigest() != piece.checksum:
        raise ValueError("pages are not as they were written")


def _fill(target: memoryview, stream: zstandard.ZstdDecompressionReader) -> None:
    """With a whole frame, which zstandard then decompresses without room of its own."""
    read_into = cast("Callable[[memoryview], int]", stream.readinto)  # pyright: ignore[reportUnknownMemberType]
    done = 0
    while done < len(target):
        count = read_into(target[done:])
        if not count:
            raise ValueError("it has fewer pages than it says")
        done += count
    if stream.read(1):
        raise ValueError("it has more pages than it says")


def _scatter(contents: memoryview, targets: Iterable[memoryview]) -> None:
    done = 0
    for target in targets:
        target[:] = contents[done : done + len(target)]
        done += len(target)
