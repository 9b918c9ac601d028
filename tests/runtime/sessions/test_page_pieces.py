"""The pages that a session keeps go into pieces, and come back from them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import zstandard

from hermetic_runtime.sessions import piece_reading
from hermetic_runtime.sessions.page_pieces import (
    PIECE_BYTES,
    SCATTERED_BYTES,
    Piece,
    Run,
    gathered,
    joined,
    pack_pieces,
    unpack_pieces,
)
from hermetic_runtime.sessions.pages import BLOCK_BYTES, PAGE_BYTES

BLOCK_PAGES = BLOCK_BYTES // PAGE_BYTES
PIECE_PAGES = PIECE_BYTES // PAGE_BYTES


def page(letter: str, count: int = 1) -> bytes:
    return letter.encode() * PAGE_BYTES * count


def test_pages_that_follow_each_other_are_one_run() -> None:
    pages = [(3, page("a", 2)), (5, page("b")), (9, page("c"))]

    assert [*gathered(pages)] == [
        ([Run(3, 3), Run(9, 1)], page("a", 2) + page("b") + page("c")),
    ]


def test_a_run_is_a_piece_of_its_own_when_it_is_long() -> None:
    blocks = [(first, page("a", BLOCK_PAGES)) for first in range(1, 1200, BLOCK_PAGES)]

    runs = [runs for runs, _ in gathered(blocks)]

    assert runs == [
        [Run(1, PIECE_PAGES)],
        [Run(1 + PIECE_PAGES, PIECE_PAGES)],
        [Run(1 + 2 * PIECE_PAGES, 1200 - 2 * PIECE_PAGES)],
    ]


def test_several_runs_are_in_one_piece_while_they_are_short() -> None:
    blocks = [(first, page("a", BLOCK_PAGES)) for first in range(0, 200, BLOCK_PAGES + 1)]
    together = SCATTERED_BYTES // BLOCK_BYTES

    numbers = [len(runs) for runs, _ in gathered(blocks)]

    assert numbers == [together] * (len(blocks) // together)


def test_a_long_run_is_not_in_a_piece_with_others() -> None:
    blocks = [(0, page("a")), *((first, page("b", BLOCK_PAGES)) for first in range(16, 400, 16))]

    pieces = [runs for runs, _ in gathered(blocks)]

    assert pieces == [[Run(0, 1), Run(16, 48)], [Run(64, 336)]]


def test_no_pages_are_no_pieces() -> None:
    assert [*gathered([])] == []
    assert unpack_pieces(pack_pieces([]), 100) == []


def test_runs_that_follow_each_other_are_joined() -> None:
    runs = [Run(0, 2), Run(5, 1), Run(6, 4), Run(11, 1)]

    assert [*joined(runs)] == [Run(0, 2), Run(5, 5), Run(11, 1)]


def test_the_account_of_pieces_comes_back() -> None:
    pieces = [Piece(7, [Run(0, 2), Run(5, 1)]), Piece(9, [Run(6, 4)])]

    assert unpack_pieces(pack_pieces(pieces), 10) == pieces


@pytest.mark.parametrize(
    "pieces",
    [
        [Piece(7, [Run(9, 2)])],
        [Piece(7, [Run(2, 2)]), Piece(7, [Run(3, 1)])],
        [Piece(7, [Run(2, 0)])],
        [Piece(7, [])],
        [Piece(0, [Run(2, 1)])],
        [Piece(2 * PIECE_BYTES, [Run(2, 1)])],
    ],
    ids=["past the end", "overlapping", "empty run", "empty piece", "no bytes", "too many bytes"],
)
def test_an_account_of_what_no_memory_has_is_refused(pieces: list[Piece]) -> None:
    with pytest.raises(ValueError, match=r"piece|pages"):
        unpack_pieces(pack_pieces(pieces), 10)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_any_number_of_threads_reads_all_pieces(
    threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piece_reading, "_useful_threads", lambda _: threads)
    contents = [os.urandom(PIECE_BYTES) for _ in range(9)]
    frames = [zstandard.compress(each) for each in contents]
    pieces = [
        Piece(len(frame), [Run(number * PIECE_PAGES, PIECE_PAGES)])
        for number, frame in enumerate(frames)
    ]
    (tmp_path / "state").write_bytes(b"before" + b"".join(frames))
    memory = bytearray(9 * PIECE_BYTES)

    with (tmp_path / "state").open("rb") as file:
        piece_reading.read_pieces(file.fileno(), len("before"), pieces, memoryview(memory))

    assert bytes(memory) == b"".join(contents)


def test_a_piece_that_one_of_the_threads_can_t_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piece_reading, "_useful_threads", lambda _: 2)
    frames = [zstandard.compress(page("a")) for _ in range(20)]
    pieces = [Piece(len(frame), [Run(number, 1)]) for number, frame in enumerate(frames)]
    frames[13] = b"x" * len(frames[13])
    (tmp_path / "state").write_bytes(b"".join(frames))

    with (tmp_path / "state").open("rb") as file, pytest.raises(zstandard.ZstdError):
        piece_reading.read_pieces(file.fileno(), 0, pieces, memoryview(bytearray(20 * PAGE_BYTES)))
