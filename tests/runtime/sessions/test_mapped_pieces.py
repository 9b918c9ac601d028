"""Pages that are in a state file as they are in memory are mapped from there."""

from __future__ import annotations

import mmap
import os
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
import xxhash
from process_lists import guest_side_processes
from state_files import state_path

from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult
from hermetic_runtime.sessions.file_mapping import map_file
from hermetic_runtime.sessions.page_pieces import PIECE_BYTES, Piece, PlacedPiece, Run, placed
from hermetic_runtime.sessions.pages import PAGE_BYTES
from hermetic_runtime.sessions.piece_reading import read_pieces
from hermetic_runtime.sessions.session import Session

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or mmap.PAGESIZE != PAGE_BYTES, reason="mapped on Linux only"
)
PIECE_PAGES = PIECE_BYTES // PAGE_BYTES
HEAP = (
    "import hashlib, os\n"
    "heap = bytearray(os.urandom(20_000_000))\n"
    "digest = hashlib.sha256(heap).digest()"
)
IS_WHOLE = "hashlib.sha256(heap).digest() == digest"


@pytest.fixture
def memory() -> memoryview:
    """Of three pieces, mapped."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    return memoryview(mmap.mmap(-1, 3 * PIECE_BYTES, flags=flags))


def stored(number: int, contents: bytes) -> Piece:
    """That of this number in memory, not compressed."""
    run = Run(number * PIECE_PAGES, len(contents) // PAGE_BYTES)
    return Piece(len(contents), xxhash.xxh3_64_intdigest(contents), [run])


def written(path: Path, pieces: list[Piece], contents: list[bytes]) -> list[PlacedPiece]:
    places = [*placed(pieces, 3)]
    with path.open("wb") as file:
        for place, each in zip(places, contents, strict=True):
            file.seek(place.position)
            file.write(each)
    return places


def mapped_from(path: Path, pid: int) -> int:
    """Bytes of a file that a process has mapped."""
    total = 0
    with suppress(OSError):  # it has ended
        for line in Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
            place, *_, name = line.split(maxsplit=5)
            if name == str(path):
                start, end = (int(address, 16) for address in place.split("-"))
                total += end - start
    return total


def value(result: RunResult) -> object:
    return result.value and result.value.json


def test_what_can_be_mapped_begins_at_a_whole_page() -> None:
    short, long = Piece(10, 0, [Run(0, 1)]), stored(1, bytes(PIECE_BYTES))
    several = Piece(64 * PAGE_BYTES, 0, [Run(0, 32), Run(40, 32)])
    compressed = Piece(PIECE_BYTES - 1, 0, [Run(0, PIECE_PAGES)])

    places = [*placed([short, long, short, several, compressed, long], 3)]

    mapped = [place.piece.can_be_mapped for place in places]
    assert mapped == [False, True, False, False, False, True]
    for before, after in pairwise(places):
        gap = after.position - before.end
        assert 0 <= gap < (PAGE_BYTES if after.piece.can_be_mapped else 1)
        assert not (after.piece.can_be_mapped and after.position % PAGE_BYTES)


def test_what_is_mapped_is_what_was_written_and_the_file_stays_as_it_is(
    tmp_path: Path, memory: memoryview
) -> None:
    contents = [os.urandom(PIECE_BYTES), os.urandom(300 * 1024)]
    pieces = [stored(0, contents[0]), stored(2, contents[1])]
    places = written(tmp_path / "state", pieces, contents)

    with (tmp_path / "state").open("rb") as file:
        read_pieces(file.fileno(), places, memory, mapping=True)
    memory[:4] = b"mine"

    assert memory[4:PIECE_BYTES] == contents[0][4:]
    assert memory[2 * PIECE_BYTES :][: len(contents[1])] == contents[1]
    assert bytes(memory[PIECE_BYTES : 2 * PIECE_BYTES]) == bytes(PIECE_BYTES)
    assert mapped_from(tmp_path / "state", os.getpid()) == sum(map(len, contents))
    assert (tmp_path / "state").read_bytes()[PAGE_BYTES:][:PIECE_BYTES] == contents[0]


def test_what_is_mapped_is_compared_with_its_checksum(tmp_path: Path, memory: memoryview) -> None:
    contents = os.urandom(PIECE_BYTES)
    places = written(tmp_path / "state", [stored(0, contents)], [contents[:-1] + b"x"])

    with (tmp_path / "state").open("rb") as file, pytest.raises(ValueError, match="as they were"):
        read_pieces(file.fileno(), places, memory, mapping=True)


def test_what_is_no_whole_page_is_not_mapped(tmp_path: Path, memory: memoryview) -> None:
    (tmp_path / "file").write_bytes(b"x" * 3 * PAGE_BYTES)

    with (tmp_path / "file").open("rb") as file:
        assert not map_file(file.fileno(), 1, memory[:PAGE_BYTES])
        assert not map_file(file.fileno(), 0, memory[1 : 1 + PAGE_BYTES])
        assert not map_file(file.fileno(), 0, memory[: PAGE_BYTES + 1])
    assert bytes(memory[: 2 * PAGE_BYTES]) == bytes(2 * PAGE_BYTES)


def test_what_can_t_be_mapped_is_read(tmp_path: Path, memory: memoryview) -> None:
    contents = os.urandom(PIECE_BYTES)
    places = written(tmp_path / "state", [stored(0, contents)], [contents])
    shifted = memory[8:]

    with (tmp_path / "state").open("rb") as file:
        read_pieces(file.fileno(), places, shifted, mapping=True)

    assert shifted[:PIECE_BYTES] == contents


def test_a_guest_process_maps_its_state(session: Session, directory: Path) -> None:
    session.run(HEAP)
    session.hibernate()

    session.wake()

    state = state_path(session, directory)
    assert max(mapped_from(state, pid) for pid in guest_side_processes()) > 15_000_000
    assert value(session.run(IS_WHOLE)) is True


@pytest.mark.parametrize(
    "change",
    ["1", "heap[5_000_000] ^= 1; digest = hashlib.sha256(heap).digest()"],
    ids=["never written to", "written to"],
)
def test_what_was_mapped_is_kept_again(session: Session, change: str) -> None:
    session.run(HEAP)
    for _ in range(3):
        session.hibernate()
        session.run(change)
    session.hibernate()

    assert value(session.run(IS_WHOLE)) is True


def test_a_fork_and_its_parent_differ_after_both_were_mapped(session: Session) -> None:
    session.run(HEAP)
    session.hibernate()
    with Session.open(session.fork().id) as other:
        session.run("heap[0] ^= 1")

        assert value(other.run(IS_WHOLE)) is True
        assert value(session.run(IS_WHOLE)) is False
        other.delete()


def test_a_state_that_is_cut_while_a_guest_maps_it_costs_the_guest_alone(
    session: Session, directory: Path
) -> None:
    session.run(HEAP)
    session.hibernate()
    session.wake()
    os.truncate(state_path(session, directory), PAGE_BYTES)

    result = session.run(IS_WHOLE)

    assert result.outcome is Outcome.CRASHED


def test_a_guest_in_the_calling_process_maps_no_state(directory: Path) -> None:
    with Session.create(isolation="shared") as session:
        session.run(HEAP)
        session.hibernate()
        session.wake()

        assert mapped_from(state_path(session, directory), os.getpid()) == 0
        assert value(session.run(IS_WHOLE)) is True
