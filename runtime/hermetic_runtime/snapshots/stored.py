"""A snapshot on disk, and loaded into a process that starts guests.

A snapshot's directory holds `memory.cwasm`, the linear memory as a compiled memory
module, which wasmtime maps copy-on-write; `state.msgpack`, everything else that the
guest and its kernel remember; and `manifest.json`, sizes and hashes. It is written once
and never changed, because guests have it mapped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from hermetic_runtime.abi.memory import PAGE_BYTES
from hermetic_runtime.bindings import Engine, Module, WasmtimeError
from hermetic_runtime.engine import load_module
from hermetic_runtime.errors import PreparationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hermetic_runtime.snapshots.rewinding import RewoundMachines

_pack = cast("Callable[..., bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType]
_unpack = cast("Callable[..., Any]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType]
MEMORY = "memory.cwasm"
STATE = "state.msgpack"


class SavedGuest(NamedTuple):
    """What a guest consists of besides its linear memory.

    `instance` is the interpreter's own account (globals, tables, addresses); `files` are
    the fields of `SavedFile`; `generators` those of `Generator`; clocks are in nanoseconds,
    as the guest saw them. `last_page` is an address in the last page of memory, and what is
    there. The memory module goes without that page: the C library notes something in it,
    behind all the memory that it has left to give, which are zeros, and which the module
    would have to hold if it held the note.
    """

    instance: dict[str, Any]
    files: Sequence[tuple[bytes, int, bytes, int]]
    generators: Sequence[tuple[int, int]]
    monotonic_ns: int
    cpu_ns: int
    last_page: tuple[int, bytes]

    def put_last_page(self, memory: memoryview) -> None:
        """Into the memory of the memory module, which then is that of the guest."""
        address, contents = self.last_page
        memory[address : address + len(contents)] = contents


def last_page_of(memory: bytes) -> tuple[int, bytes]:
    """As `SavedGuest.last_page`, without the zeros around it."""
    contents = memory[-PAGE_BYTES:].lstrip(b"\0")
    return len(memory) - len(contents), contents.rstrip(b"\0")


class LoadedSnapshot(NamedTuple):
    """A snapshot whose memory, of `memory_bytes`, can be instantiated any number of times."""

    memory: Module
    guest: SavedGuest
    memory_bytes: int
    packed: bytes
    """All that it holds but its memory, as on disk."""
    machines: RewoundMachines

    @property
    def identity(self) -> str:
        """The hash of `packed`, clocks included: no two share it."""
        from hashlib import sha256  # 2 ms that a guest without a session need not spend

        return sha256(self.packed).hexdigest()


def write_state(directory: Path, guest: SavedGuest) -> None:
    """Write what `load_snapshot` reads beside the memory. Raises `OSError`."""
    (directory / STATE).write_bytes(_pack(guest._asdict()))


def load_snapshots(engine: Engine, folder: Path) -> tuple[LoadedSnapshot, ...]:
    """Every variant in `folder`. Raises `PreparationError` when one is damaged."""
    return tuple(load_snapshot(engine, directory) for directory in sorted(folder.glob("*/")))


def load_snapshot(engine: Engine, directory: Path) -> LoadedSnapshot:
    """Map a snapshot. Raises `PreparationError` when it is damaged."""
    from hermetic_runtime.snapshots.rewinding import RewoundMachines

    try:
        memory = load_module(engine, directory / MEMORY)
        packed = (directory / STATE).read_bytes()
        guest = SavedGuest(**_unpack(packed, use_list=False))
        return LoadedSnapshot(
            memory,
            guest,
            memory.memory_bytes(),
            packed,
            RewoundMachines(engine, memory, guest),
        )
    except (OSError, ValueError, TypeError, WasmtimeError) as error:
        raise PreparationError(
            f"the snapshot in {directory} is damaged: {error}",
            hint="`hermetic cache clear` removes it; the next run makes it again.",
        ) from error
