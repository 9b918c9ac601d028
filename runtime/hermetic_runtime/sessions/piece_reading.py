"""Decompressing the pages of a hibernated guest to where they belong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple, cast

from hermetic_runtime.sessions.page_pieces import (
    PIECE_BYTES,
    SCATTERED_BYTES,
    Piece,
    Run,
)

if TYPE_CHECKING:
    import zstandard

_MOST_THREADS = 4
_PIECES_FOR_A_THREAD = 4
"""Fewer are read sooner than a thread starts."""


class _Placed(NamedTuple):
    """A piece, and where it begins in the file."""

    position: int
    piece: Piece


def read_pieces(descriptor: int, position: int, pieces: list[Piece], memory: memoryview) -> None:
    """Those that begin at `position` of a file, by as many threads as have something to do.

    Raises `OSError`, `ValueError` and `zstandard.ZstdError`; what is in `memory` is then of
    no use.
    """
    placed = [*_placed(position, pieces)]
    waiting = iter(placed)  # of all threads: each takes the next one
    most_compressed = max((piece.compressed_bytes for piece in pieces), default=0)
    failures: list[Exception] = []

    def read_waiting() -> None:
        try:
            _read_all(descriptor, waiting, most_compressed, memory)
        except Exception as error:
            failures.append(error)

    more = range(1, _useful_threads(pieces))
    others = [Thread(target=read_waiting, daemon=True) for _ in more]
    for thread in others:
        thread.start()
    read_waiting()
    for thread in others:
        thread.join()
    if failures:
        raise failures[0]


def _useful_threads(pieces: list[Piece]) -> int:
    enough = len(pieces) // _PIECES_FOR_A_THREAD
    return min(_MOST_THREADS, len(os.sched_getaffinity(0)), enough)


def _placed(position: int, pieces: list[Piece]) -> Iterator[_Placed]:
    for piece in pieces:
        yield _Placed(position, piece)
        position += piece.compressed_bytes


def _read_all(
    descriptor: int, placed: Iterable[_Placed], most_compressed: int, memory: memoryview
) -> None:
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=PIECE_BYTES)
    room = memoryview(bytearray(most_compressed))
    scattered = memoryview(bytearray(SCATTERED_BYTES))
    for position, piece in placed:
        compressed = room[: piece.compressed_bytes]
        if os.preadv(descriptor, [compressed], position) < len(compressed):
            raise ValueError("it ends too soon")
        stream = decompressor.stream_reader(compressed, read_across_frames=False)
        if len(piece.runs) == 1:
            _fill(memory[piece.runs[0].start : piece.runs[0].end], stream)
        else:
            _fill(scattered[: piece.content_bytes], stream)
            _scatter(scattered, piece.runs, memory)


def _fill(target: memoryview, stream: zstandard.ZstdDecompressionReader) -> None:
    """With a whole frame, which zstandard then decompresses without room of its own."""
    read_into = cast("Callable[[memoryview], int]", stream.readinto)  # pyright: ignore[reportUnknownMemberType]
    done = 0
    while done < len(target):
        count = read_into(target[done:])
        if not count:
            raise ValueError("it has fewer pages than it says")
        done += count
    if stream.read(1):  # past the end, where the checksum is verified
        raise ValueError("it has more pages than it says")


def _scatter(contents: memoryview, runs: Iterable[Run], memory: memoryview) -> None:
    done = 0
    for run in runs:
        size = run.end - run.start
        memory[run.start : run.end] = contents[done : done + size]
        done += size
