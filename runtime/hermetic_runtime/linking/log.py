"""What a linker changed outside linear memory, in order, so that it can be done again.

A snapshot keeps the memory; whoever starts from it grows the table and instantiates
the side modules just so, because slots and addresses are all over that memory.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any, cast

from hermetic_runtime.errors import GuestMisbehaved


@dataclass(frozen=True, slots=True)
class ModuleAdded:
    """A side module was instantiated, and the table grown by `slot_count` from
    `first_slot`. `own_slots` are functions with slots after those that the module asks
    for. `offsets` are the values of its imported globals, `globals` of its own.
    """

    path: str
    sha256: str
    needed: tuple[str, ...]
    memory_base: int
    first_slot: int
    slot_count: int
    table_base: int
    own_slots: tuple[str, ...]
    offsets: tuple[int, ...] = ()
    globals: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SlotAdded:
    """A function got a slot; `path` is that of its side module, empty for the interpreter."""

    slot: int
    path: str
    name: str


@dataclass(frozen=True, slots=True)
class SlotsLost:
    """The table was grown for a module that then could not be loaded."""

    first_slot: int
    slot_count: int


Change = ModuleAdded | SlotAdded | SlotsLost
_KINDS: dict[str, type[Change]] = {
    "module": ModuleAdded,
    "slot": SlotAdded,
    "lost": SlotsLost,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode_change(change: Change) -> list[Any]:
    """As plain lists, strings and numbers."""
    return [_NAMES[type(change)], *astuple(change)]


def decode_change(encoded: Any) -> Change:
    """What `encode_change` gave. Raises `GuestMisbehaved` for anything else."""
    try:
        name, *fields = encoded
        return _KINDS[name](*map(_frozen, fields))
    except (KeyError, TypeError, ValueError) as error:
        raise GuestMisbehaved(
            f"the snapshot's account of extension modules is damaged: {error}"
        ) from error


def _frozen(field: Any) -> Any:
    return tuple(cast("list[Any]", field)) if isinstance(field, list) else field
