"""The file of a hibernated guest.

After `MAGIC` comes one zstandard frame: the length (u32, little endian) of the msgpack of
a `SavedState`, that msgpack, then runs of changed pages, each a number of pages (u32), the
number of the first of them (u32) and their contents; a run of no pages is the last.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from struct import Struct
from typing import Any, BinaryIO, TypeVar, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from hermetic_runtime.errors import GuestMisbehaved, SessionDamaged
from hermetic_runtime.kernel.constants import PATH_MAX
from hermetic_runtime.kernel.pipes import CAPACITY_BYTES
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.processes.fields import ProtocolError
from hermetic_runtime.sessions.pages import BLOCK_BYTES, PAGE_BYTES
from hermetic_runtime.sessions.saved_state import SavedState

Items = TypeVar("Items", list[Any], dict[Any, Any])
MAGIC = b"hermetic session 1\n"
_LEVEL = 1
_LENGTH = Struct("<I")
_RUN = Struct("<II")
_STATE_BYTES = 32 * MIB
"""Room for the interpreter's own account, most of it that of the linker."""
_FILE_BYTES = 512
"""Room for the path of a file, on the average."""
_STATE_ITEMS = 1_500_000
_ITEMS_OF_A_FILE = 6
_ITEMS_OF_A_DESCRIPTOR = 16
_MOST_FIELDS = 1_000

_pack = cast("Callable[..., bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType]
_unpack = cast("Callable[..., Any]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType]


def most_bytes(limits: Limits) -> int:
    """More than the file of a guest with these limits can have."""
    return limits.memory_bytes + limits.memory_bytes // 64 + most_packed_bytes(limits)


def most_packed_bytes(limits: Limits) -> int:
    """What the state of a guest with these limits may have beside its pages.

    A file of the workspace that was removed while it was open is in the state as well as in
    what the guest is charged for: so twice the disk.
    """
    files = 2 * limits.disk_bytes + limits.files * _FILE_BYTES
    opened = limits.open_files * (CAPACITY_BYTES + PATH_MAX)
    return min(_STATE_BYTES + files + opened, 2**32 - 1)


def _most_items(limits: Limits) -> int:
    """Of all lists and maps of a state together: a few bytes can stand for many."""
    files = limits.files * _ITEMS_OF_A_FILE
    return _STATE_ITEMS + files + limits.open_files * _ITEMS_OF_A_DESCRIPTOR


def write_state(
    file: BinaryIO,
    state: SavedState,
    pages: Iterable[tuple[int, bytes]],
    limits: Limits,
) -> None:
    """Write the whole file; `pages` are those that changed, as `changed_pages` gives them.

    Raises `OSError`, and `GuestMisbehaved` for a state that a `StateReader` with these limits
    would refuse for its size.
    """
    import zstandard

    packed = _pack(state.to_fields())
    if len(packed) > most_packed_bytes(limits):
        raise GuestMisbehaved("it has more in open and other files than can be kept")
    file.write(MAGIC)
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    with compressor.stream_writer(file, closefd=False) as out:
        out.write(_LENGTH.pack(len(packed)))
        out.write(packed)
        for first, contents in pages:
            out.write(_RUN.pack(len(contents) // PAGE_BYTES, first))
            out.write(contents)
        out.write(_RUN.pack(0, 0))
    file.flush()


class StateReader:
    """A file that `write_state` wrote, or that claims to be one.

    What it takes in memory is bounded by the limits, however little the file has on disk.
    Everything raises `SessionDamaged` for what is not as it should be.
    """

    def __init__(self, descriptor: int, limits: Limits) -> None:
        """Takes the descriptor over. `limits` are those under which the state was written."""
        import zstandard

        self._limits = limits
        self._file = os.fdopen(descriptor, "rb")
        try:
            if self._file.read(len(MAGIC)) != MAGIC:
                raise SessionDamaged("the state of the session is not a state file")
            self._errors = (zstandard.ZstdError, OSError, ValueError, MemoryError)
            decompressor = zstandard.ZstdDecompressor(max_window_size=128 * MIB)
            self._stream = decompressor.stream_reader(self._file, read_across_frames=False)
            self.state = self._read_state()
        except BaseException:
            self._file.close()
            raise

    def _read(self, size: int) -> bytes:
        pieces: list[bytes] = []
        left = size
        try:
            while left:
                piece = self._stream.read(left)
                if not piece:
                    raise SessionDamaged("the state of the session ends too soon")
                pieces.append(piece)
                left -= len(piece)
        except self._errors as error:
            raise SessionDamaged(f"the state of the session is damaged: {error}") from error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read_into(self, target: memoryview) -> None:
        read_into = cast("Callable[[memoryview], int]", self._stream.readinto)  # pyright: ignore[reportUnknownMemberType]
        done = 0
        try:
            while done < len(target):
                count = read_into(target[done:])
                if not count:
                    raise SessionDamaged("the state of the session ends too soon")
                done += count
        except self._errors as error:
            raise SessionDamaged(f"the state of the session is damaged: {error}") from error

    def _read_state(self) -> SavedState:
        [length] = _LENGTH.unpack(self._read(_LENGTH.size))
        if length > most_packed_bytes(self._limits):
            raise SessionDamaged("the state of the session is larger than its limits allow")
        try:
            fields = _unpack_bounded(self._read(length), _most_items(self._limits))
            return SavedState.from_fields(fields, self._limits)
        except (ProtocolError, ValueError, TypeError, RecursionError, MemoryError) as error:
            raise SessionDamaged(f"the state of the session is damaged: {error}") from error
        except msgpack.UnpackException as error:
            raise SessionDamaged(f"the state of the session is damaged: {error}") from error

    def read_pages_into(self, memory: memoryview) -> Iterator[tuple[int, int]]:
        """Write what changed to a memory of `state.memory_bytes`: where each piece of it begins
        and ends, once it is there.
        """
        end = len(memory) // PAGE_BYTES
        reached = 0
        while True:
            count, first = _RUN.unpack(self._read(_RUN.size))
            if count == 0:
                self._check_end()
                return
            if first < reached or count > BLOCK_BYTES // PAGE_BYTES or first + count > end:
                raise SessionDamaged("the state of the session has pages out of place")
            reached = first + count
            start, stop = first * PAGE_BYTES, reached * PAGE_BYTES
            self._read_into(memory[start:stop])
            yield start, stop

    def _check_end(self) -> None:
        """Reading past the last run has the checksum verified."""
        try:
            trailing = self._stream.read(1)
        except self._errors as error:
            raise SessionDamaged(f"the state of the session is damaged: {error}") from error
        if trailing:
            raise SessionDamaged("the state of the session goes on after its end")

    def close(self) -> None:
        self._file.close()


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
