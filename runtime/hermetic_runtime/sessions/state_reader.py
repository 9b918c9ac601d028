"""Reading the file of a hibernated guest, which anybody may have written."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from hermetic_runtime.errors import SessionDamaged
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.processes.fields import ProtocolError
from hermetic_runtime.sessions.page_pieces import (
    PlacedPiece,
    Run,
    joined,
    most_packed_pieces,
    placed,
    unpack_pieces,
)
from hermetic_runtime.sessions.pages import PAGE_BYTES
from hermetic_runtime.sessions.piece_reading import read_pieces
from hermetic_runtime.sessions.saved_state import SavedState
from hermetic_runtime.sessions.state_file import (
    LENGTH,
    MAGIC,
    POSITION,
    most_bytes,
    most_packed_bytes,
)

Items = TypeVar("Items", list[Any], dict[Any, Any])
_ACCOUNT_WINDOW_BYTES = 128 * MIB
_STATE_ITEMS = 1_500_000
_ITEMS_OF_A_FILE = 6
_ITEMS_OF_A_DESCRIPTOR = 16
_MOST_FIELDS = 1_000

_unpack = cast("Callable[..., Any]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType]


class StateReader:
    """A file that `write_state` wrote, or that claims to be one.

    What it takes in memory is bounded by the limits, however little the file has on disk.
    Everything raises `SessionDamaged` for what is not as it should be.
    """

    def __init__(self, descriptor: int, limits: Limits, *, mapping: bool = False) -> None:
        """Takes the descriptor over. Where it stands does not matter: others may have it too, and
        read from it. `limits` are those under which the state was written. With `mapping`, what
        can be is mapped instead of read, for a process that may be lost: with a file that is
        damaged while the memory is in use, it is.
        """
        self._mapping = mapping
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._limits = limits
        try:
            with _damage_in_one_error():
                self.state, self._pieces = self._read_account()
        except BaseException:
            self._file.close()
            raise

    def _read_account(self) -> tuple[SavedState, list[PlacedPiece]]:
        descriptor = self._file.fileno()
        if os.pread(descriptor, len(MAGIC), 0) != MAGIC:
            raise SessionDamaged("the state of the session is not a state file")
        end = os.fstat(descriptor).st_size - POSITION.size
        if end < len(MAGIC):
            raise SessionDamaged("the state of the session ends too soon")
        [position] = POSITION.unpack(os.pread(descriptor, POSITION.size, end))
        if not len(MAGIC) <= position < end:
            raise SessionDamaged("the state of the session has no account")
        if end - position > most_bytes(self._limits):
            raise SessionDamaged("the state of the session is larger than its limits allow")
        frame = _Frame(os.pread(descriptor, end - position, position))
        [length] = LENGTH.unpack(frame.read(LENGTH.size))
        if length > most_packed_bytes(self._limits):
            raise SessionDamaged("the state of the session is larger than its limits allow")
        fields = _unpack_bounded(frame.read(length), _most_items(self._limits))
        state = SavedState.from_fields(fields, self._limits)
        pages = state.memory_bytes // PAGE_BYTES
        pieces = unpack_pieces(frame.read_rest(most_packed_pieces(pages)), pages)
        found = [*placed(pieces, len(MAGIC))]
        if position != (found[-1].end if found else len(MAGIC)):
            raise SessionDamaged("the state of the session has other pages than it says")
        return state, found

    def runs_of_pages(self, *, mapped: bool) -> Iterator[Run]:
        """Those that changed, and are `mapped` or else read."""
        return joined(
            run
            for _, piece in self._pieces
            if (self._mapping and piece.can_be_mapped) is mapped
            for run in piece.runs
        )

    def read_pages_into(self, memory: memoryview) -> None:
        """Write what changed to a memory of `state.memory_bytes`, or map it."""
        with _damage_in_one_error():
            read_pieces(self._file.fileno(), self._pieces, memory, mapping=self._mapping)

    def close(self) -> None:
        self._file.close()


class _Frame:
    """One compressed frame."""

    def __init__(self, compressed: bytes) -> None:
        import zstandard

        decompressor = zstandard.ZstdDecompressor(max_window_size=_ACCOUNT_WINDOW_BYTES)
        self._stream = decompressor.stream_reader(compressed, read_across_frames=False)

    def read(self, size: int) -> bytes:
        contents = self._read_up_to(size)
        if len(contents) < size:
            raise ValueError("it ends too soon")
        return contents

    def read_rest(self, most: int) -> bytes:
        """Up to the end, where the checksum is verified."""
        contents = self._read_up_to(most + 1)
        if len(contents) > most:
            raise ValueError("it goes on after its end")
        return contents

    def _read_up_to(self, size: int) -> bytes:
        pieces: list[bytes] = []
        left = size
        while left and (piece := self._stream.read(left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)


@contextmanager
def _damage_in_one_error() -> Generator[None]:
    import zstandard

    try:
        yield
    except (
        *(zstandard.ZstdError, msgpack.UnpackException, ProtocolError),
        *(OSError, ValueError, TypeError, RecursionError, MemoryError),
    ) as error:
        raise SessionDamaged(f"the state of the session is damaged: {error}") from error


def _most_items(limits: Limits) -> int:
    """Of all lists and maps of a state together: a few bytes can stand for many."""
    files = limits.files * _ITEMS_OF_A_FILE
    return _STATE_ITEMS + files + limits.open_files * _ITEMS_OF_A_DESCRIPTOR


def _unpack_bounded(packed: bytes, most_items: int) -> object:
    """What `packed` stands for, at most `most_items` of it. Raises `ValueError` and others."""
    left = most_items

    def count(items: Items) -> Items:
        nonlocal left
        left -= len(items) + 1
        if left < 0:
            raise ValueError("it has too many items")
        return items

    return _unpack(
        packed,
        list_hook=count,
        object_hook=count,
        max_array_len=most_items,
        max_map_len=_MOST_FIELDS,
        max_ext_len=0,
        strict_map_key=True,
    )
