"""The file of a hibernated guest, as it is written.

    MAGIC
    pieces of changed pages, each as it is in memory, or a zstandard frame without a checksum of
        its own: that of the frame, which the account has, is known much sooner. Before one that
        can be mapped are zeros, up to a whole page
    the account, one zstandard frame: the length (u32) of the msgpack of a `SavedState`,
        that msgpack, then the pieces as `pack_pieces` has them
    where the account begins (u64)

Numbers are little endian. The account comes last because a file is written as a stream, when
nobody knows yet how small the pages become.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import Struct
from typing import BinaryIO, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from hermetic_runtime.errors import GuestMisbehaved
from hermetic_runtime.kernel.constants import PATH_MAX
from hermetic_runtime.kernel.pipes import CAPACITY_BYTES
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.sessions.page_pieces import Piece, PlacedPiece, gathered, pack_pieces
from hermetic_runtime.sessions.saved_state import SavedState

MAGIC = b"hermetic session 3\n"
LENGTH = Struct("<I")
POSITION = Struct("<Q")
_LEVEL = -1
"""Quicker than 1 by a fifth both ways, and by more for numbers; a tenth to a fifth larger."""
_WORTH_IT = 0.5
"""What is not smaller than this when it is compressed is kept as it is: numbers decompress at
less than 1 GB a second, however small they have become, and mapping them takes no time."""
_STATE_BYTES = 32 * MIB
"""Room for the interpreter's own account, most of it that of the linker."""
_FILE_BYTES = 512
"""Room for the path of a file, on the average."""

_pack = cast("Callable[..., bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType]


def most_bytes(limits: Limits) -> int:
    """More than the file of a guest with these limits can have."""
    return limits.memory_bytes + limits.memory_bytes // 32 + most_packed_bytes(limits)


def most_packed_bytes(limits: Limits) -> int:
    """What the state of a guest with these limits may have beside its pages.

    A file of the workspace that was removed while it was open is in the state as well as in
    what the guest is charged for: so twice the disk.
    """
    files = 2 * limits.disk_bytes + limits.files * _FILE_BYTES
    opened = limits.open_files * (CAPACITY_BYTES + PATH_MAX)
    return min(_STATE_BYTES + files + opened, 2**32 - 1)


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
    import xxhash
    import zstandard

    packed = _pack(state.to_fields())
    if len(packed) > most_packed_bytes(limits):
        raise GuestMisbehaved("it has more in open and other files than can be kept")
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    position = file.write(MAGIC)
    pieces: list[Piece] = []
    for runs, contents in gathered(pages):
        compressed = compressor.compress(contents)
        stored = compressed if len(compressed) < len(contents) * _WORTH_IT else contents
        piece = Piece(len(stored), xxhash.xxh3_64_intdigest(stored), runs)
        place = PlacedPiece.after(position, piece)
        file.write(bytes(place.position - position))
        file.write(stored)
        position = place.end
        pieces.append(piece)
    account = LENGTH.pack(len(packed)) + packed + pack_pieces(pieces)
    file.write(zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(account))
    file.write(POSITION.pack(position))
    file.flush()
