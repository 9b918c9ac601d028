"""State files as a hostile guest or a stranger could make them: whole, and wrong inside."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]
import zstandard

from hermetic_runtime.sessions.session import Session
from hermetic_runtime.sessions.state_file import MAGIC

pack = cast("Callable[..., bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType]
unpack = cast("Callable[..., Any]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType]
Place = list[str | int]


def state_path(session: Session, directory: Path) -> Path:
    return directory / "sessions" / session.id / session.record.state


def opened(sealed: bytes) -> tuple[Any, bytes]:
    """The state in a state file, and the pages after it."""
    frame = zstandard.ZstdDecompressor().decompressobj().decompress(sealed[len(MAGIC) :])
    [length] = struct.unpack_from("<I", frame)
    return unpack(frame[4 : 4 + length], strict_map_key=False), frame[4 + length :]


def sealed(state: object, pages: bytes) -> bytes:
    """A state file, with its checksum."""
    packed = state if isinstance(state, bytes) else pack(state)
    return sealed_frame(struct.pack("<I", len(packed)) + packed + pages)


def sealed_frame(frame: bytes) -> bytes:
    return MAGIC + zstandard.ZstdCompressor(write_checksum=True).compress(frame)


def changed(state: Any, place: Place, value: object) -> Any:
    """`state`, which is changed, with `value` at `place`."""
    *above, last = place
    for key in above:
        state = state[key]
    state[last] = value
    return state
