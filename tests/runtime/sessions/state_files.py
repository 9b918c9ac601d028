"""State files as a hostile guest or a stranger could make them: whole, and wrong inside."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]
import xxhash
import zstandard

from hermetic_runtime.sessions.page_pieces import Piece, Run, pack_pieces
from hermetic_runtime.sessions.session import Session
from hermetic_runtime.sessions.state_file import MAGIC

pack = cast("Callable[..., bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType]
unpack = cast("Callable[..., Any]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType]
Place = list[str | int]


def state_path(session: Session, directory: Path) -> Path:
    return directory / "sessions" / session.id / session.record.state


class Pages(NamedTuple):
    """What changed in memory: compressed pieces of it, and the packed account of them."""

    frames: bytes
    account: bytes


NO_PAGES = Pages(b"", pack_pieces([]))


def opened(sealed: bytes) -> tuple[Any, Pages]:
    """The state in a state file, and its pages."""
    [position] = struct.unpack_from("<Q", sealed, len(sealed) - 8)
    account = zstandard.ZstdDecompressor().decompressobj().decompress(sealed[position:])
    [length] = struct.unpack_from("<I", account)
    state = unpack(account[4 : 4 + length], strict_map_key=False)
    return state, Pages(sealed[len(MAGIC) : position], account[4 + length :])


def sealed(state: object, pages: Pages) -> bytes:
    """A state file, with its checksums."""
    packed = state if isinstance(state, bytes) else pack(state)
    return sealed_account(struct.pack("<I", len(packed)) + packed + pages.account, pages.frames)


def sealed_account(account: bytes, frames: bytes = b"") -> bytes:
    whole = MAGIC + frames
    return whole + compressed(account) + struct.pack("<Q", len(whole))


def compressed(contents: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(contents)


def pages_of(*pieces: tuple[list[Run], bytes]) -> Pages:
    """Pieces whose runs and contents are as given, whether or not they can be."""
    return pages_in(*((runs, compressed(contents)) for runs, contents in pieces))


def pages_in(*pieces: tuple[list[Run], bytes]) -> Pages:
    """As `pages_of`, of what is compressed, or claims to be."""
    account = [Piece(len(frame), xxhash.xxh3_64_intdigest(frame), runs) for runs, frame in pieces]
    return Pages(b"".join(frame for _, frame in pieces), pack_pieces(account))


def changed(state: Any, place: Place, value: object) -> Any:
    """`state`, which is changed, with `value` at `place`."""
    *above, last = place
    for key in above:
        state = state[key]
    state[last] = value
    return state
