"""The pages that a session keeps go into pieces, and come back from them."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread
from typing import BinaryIO

import pytest
import xxhash
import zstandard

from hermetic_runtime.sessions.page_pieces import (
    PIECE_BYTES,
    SCATTERED_BYTES,
    Piece,
    Run,
    gathered,
    joined,
    pack_pieces,
    placed,
    unpack_pieces,
)
from hermetic_runtime.sessions.pages import BLOCK_BYTES, PAGE_BYTES
from hermetic_runtime.sessions.piece_reading import read_pieces

BLOCK_PAGES = BLOCK_BYTES // PAGE_BYTES
PIECE_PAGES = PIECE_BYTES // PAGE_BYTES


def page(letter: str, count: int = 1) -> bytes:
    return letter.encode() * PAGE_BYTES * count


def test_pages_that_follow_each_other_are_one_run() -> None:
    pages = [(3, page("a", 2)), (5, page("b")), (9, page("c"))]

    assert [(runs, bytes(contents)) for runs, contents in gathered(pages)] == [
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
    pieces = [Piece(7, 0, [Run(0, 2), Run(5, 1)]), Piece(9, 0, [Run(6, 4)])]

    assert unpack_pieces(pack_pieces(pieces), 10) == pieces


@pytest.mark.parametrize(
    "pieces",
    [
        [Piece(7, 0, [Run(9, 2)])],
        [Piece(7, 0, [Run(2, 2)]), Piece(7, 0, [Run(3, 1)])],
        [Piece(7, 0, [Run(2, 0)])],
        [Piece(7, 0, [])],
        [Piece(0, 0, [Run(2, 1)])],
        [Piece(2 * PIECE_BYTES, 0, [Run(2, 1)])],
    ],
    ids=["past the end", "overlapping", "empty run", "empty piece", "no bytes", "too many bytes"],
)
def test_an_account_of_what_no_memory_has_is_refused(pieces: list[Piece]) -> None:
    with pytest.raises(ValueError, match=r"piece|pages"):
        unpack_pieces(pack_pieces(pieces), 10)


def piece_of(frame: bytes, *runs: Run) -> Piece:
    return Piece(len(frame), xxhash.xxh3_64_intdigest(frame), list(runs))


def written(folder: Path, before: bytes, frames: list[bytes]) -> BinaryIO:
    (folder / "state").write_bytes(before + b"".join(frames))
    return (folder / "state").open("rb")


def assert_read_back(count: int, folder: Path) -> None:
    contents = [os.urandom(PIECE_BYTES) for _ in range(count)]
    frames = [zstandard.compress(each) for each in contents]
    pieces = [
        piece_of(frame, Run(number * PIECE_PAGES, PIECE_PAGES))
        for number, frame in enumerate(frames)
    ]
    memory = bytearray(count * PIECE_BYTES)

    with written(folder, b"before", frames) as file:
        read_pieces(file.fileno(), placed(pieces, 6), memoryview(memory), mapping=False)

    assert bytes(memory) == b"".join(contents)


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_few_or_many_pieces_come_back_to_where_they_were(count: int, tmp_path: Path) -> None:
    assert_read_back(count, tmp_path)


def test_pieces_are_read_where_there_can_be_no_more_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", refuse)

    assert_read_back(30, tmp_path)


def test_the_runs_of_a_piece_come_back_to_where_they_were(tmp_path: Path) -> None:
    frame = zstandard.compress(page("a", 2) + page("b"))
    memory = bytearray(page("-", 6))

    with written(tmp_path, b"", [frame]) as file:
        pieces = [piece_of(frame, Run(1, 2), Run(4, 1))]
        read_pieces(file.fileno(), placed(pieces, 0), memoryview(memory), mapping=False)

    assert memory == page("-") + page("a", 2) + page("-") + page("b") + page("-")


@pytest.mark.parametrize("damaged", [0, 13, 19])
def test_a_piece_that_can_t_be_read_is_an_error_whichever_thread_finds_it(
    damaged: int, tmp_path: Path
) -> None:
    frames = [zstandard.compress(page("a")) for _ in range(20)]
    pieces = [piece_of(frame, Run(number, 1)) for number, frame in enumerate(frames)]
    frames[damaged] = b"x" * len(frames[damaged])

    memory = memoryview(bytearray(20 * PAGE_BYTES))

    with written(tmp_path, b"", frames) as file, pytest.raises(ValueError, match="as they were"):
        read_pieces(file.fileno(), placed(pieces, 0), memory, mapping=False)
