"""Changed pages in pieces, each of which is kept apart in a file, compressed or as it is.

So pages go to where they belong without a copy between, and by more than one thread; and a long
piece that is kept as it is can be mapped from the file, and need not be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from struct import Struct
from typing import NamedTuple

from hermetic_runtime.limits import MIB
from hermetic_runtime.sessions.pages import PAGE_BYTES

PIECE_BYTES = 2 * MIB
SCATTERED_BYTES = 256 * 1024
"""Of a piece of several runs, whose contents are copied to where they belong."""
_LEAST_MAPPED_BYTES = 256 * 1024
_MOST_PAGES = PIECE_BYTES // PAGE_BYTES
_COUNTS = Struct("<II")
_PIECE = Struct("<IIQ")
_RUN = Struct("<II")


class Run(NamedTuple):
    """Pages that follow each other, by the number of the first of them."""

    first: int
    pages: int

    @property
    def start(self) -> int:
        """Where it begins in memory, in bytes."""
        return self.first * PAGE_BYTES

    @property
    def end(self) -> int:
        return (self.first + self.pages) * PAGE_BYTES


class Piece(NamedTuple):
    """Runs in ascending order, and of their contents as they are in the file how many bytes that
    is, and its XXH3 checksum. When that is as many as in memory, it is what is in memory;
    otherwise it is compressed.
    """

    stored_bytes: int
    checksum: int
    runs: list[Run]

    @property
    def content_bytes(self) -> int:
        return sum(run.pages for run in self.runs) * PAGE_BYTES

    @property
    def can_be_mapped(self) -> bool:
        """Whether it is one run, long and not compressed."""
        long = self.stored_bytes >= _LEAST_MAPPED_BYTES
        return long and len(self.runs) == 1 and self.stored_bytes == self.content_bytes


class PlacedPiece(NamedTuple):
    """A piece, and where it begins in the file: one that can be mapped, at a whole page."""

    position: int
    piece: Piece

    @classmethod
    def after(cls, end: int, piece: Piece) -> PlacedPiece:
        """Behind `end` bytes of the file."""
        return cls(end + (-end % PAGE_BYTES if piece.can_be_mapped else 0), piece)

    @property
    def end(self) -> int:
        return self.position + self.piece.stored_bytes


def placed(pieces: Iterable[Piece], end: int) -> Iterator[PlacedPiece]:
    """All, behind `end` bytes of a file."""
    for piece in pieces:
        each = PlacedPiece.after(end, piece)
        yield each
        end = each.end


def gathered(pages: Iterable[tuple[int, bytes]]) -> Iterator[tuple[list[Run], memoryview]]:
    """The runs and the contents of pieces: one run of up to `PIECE_BYTES`, or several that have
    up to `SCATTERED_BYTES`. All contents are in the same place, one after the other.

    `pages` are as `changed_pages` gives them: never more than either.
    """
    runs: list[Run] = []
    contents = memoryview(bytearray(PIECE_BYTES))
    filled = 0
    for first, added in pages:
        run = Run(first, len(added) // PAGE_BYTES)
        more = [*joined([*runs, run])]
        if runs and filled + len(added) > _most_bytes(more):
            yield runs, contents[:filled]
            more, filled = [run], 0
        runs = more
        contents[filled : filled + len(added)] = added
        filled += len(added)
    if runs:
        yield runs, contents[:filled]


def _most_bytes(runs: list[Run]) -> int:
    return PIECE_BYTES if len(runs) == 1 else SCATTERED_BYTES


def joined(runs: Iterable[Run]) -> Iterator[Run]:
    """Those that follow each other as one."""
    before = Run(0, 0)
    for run in runs:
        if run.first == sum(before):
            before = Run(before.first, before.pages + run.pages)
            continue
        if before.pages:
            yield before
        before = run
    if before.pages:
        yield before


def pack_pieces(pieces: list[Piece]) -> bytes:
    """Their number and that of all runs, then of each piece how many bytes and how many runs it
    has and its checksum (u64), then of each run the first page and the number of pages: u32
    otherwise, little endian.
    """
    runs = [run for piece in pieces for run in piece.runs]
    return b"".join(
        [
            _COUNTS.pack(len(pieces), len(runs)),
            *(_PIECE.pack(piece.stored_bytes, len(piece.runs), piece.checksum) for piece in pieces),
            *(_RUN.pack(*run) for run in runs),
        ]
    )


def most_packed_pieces(pages: int) -> int:
    """Of a memory with so many pages, in bytes."""
    return _COUNTS.size + (_PIECE.size + _RUN.size) * pages


def unpack_pieces(packed: bytes, pages: int) -> list[Piece]:
    """What `pack_pieces` packed. Raises `ValueError` for pieces that no memory of so many pages
    has been written in.
    """
    if len(packed) < _COUNTS.size:
        raise ValueError("the account of the pages ends too soon")
    pieces_count, runs_count = _COUNTS.unpack_from(packed)
    runs_begin = _COUNTS.size + pieces_count * _PIECE.size
    if len(packed) != runs_begin + runs_count * _RUN.size:
        raise ValueError("the account of the pages has another length than it says")
    runs = _checked_runs(packed[runs_begin:], pages)
    pieces: list[Piece] = []
    for stored_bytes, count, checksum in _PIECE.iter_unpack(packed[_COUNTS.size : runs_begin]):
        piece = Piece(stored_bytes, checksum, list(islice(runs, count)))
        if not 0 < piece.content_bytes <= _most_bytes(piece.runs) or len(piece.runs) != count:
            raise ValueError("a piece has too many pages, or none")
        if not 0 < stored_bytes <= piece.content_bytes:
            raise ValueError("a piece has an impossible length")
        pieces.append(piece)
    if next(runs, None) is not None:
        raise ValueError("there are pages that are in no piece")
    return pieces


def _checked_runs(packed: bytes, pages: int) -> Iterator[Run]:
    reached = 0
    for first, count in _RUN.iter_unpack(packed):
        if first < reached or not 0 < count <= _MOST_PAGES or first + count > pages:
            raise ValueError("there are pages out of place")
        reached = first + count
        yield Run(first, count)
