"""What a host has to know of a side module, found once, when it is prepared.

Kept apart from the preparing, because every process that links side modules reads it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

FORMAT = 2
"""To be raised when what is made of a module, `SideModuleDescription` or code, changes."""
START_EXPORT = "hermetic.start"
GLOBAL_EXPORT = "hermetic.global."
MAX_MODULE_BYTES = 256 * 1024 * 1024

MEMORY_BASE = "__memory_base"
TABLE_BASE = "__table_base"
STACK_POINTER = "__stack_pointer"
ADDRESSES = "GOT.mem"
SLOTS = "GOT.func"
"""Modules of the globals that hold addresses of variables and slots of functions."""


@dataclass(frozen=True, slots=True)
class SideModuleDescription:
    """What a linker has to know of a side module.

    Sizes are in bytes and table elements. `imports` are (module, name, kind) in the order
    in which the code declares them. `functions` maps an exported function to its slot
    relative to the table base, or to None if it has none; `addresses` maps an exported
    variable to its address relative to the memory base, `constants` to an absolute value.
    `forwarded` are the imports that are exports of the module itself: their forwarders go
    through slots that follow `table_elements`. `trapping` are weak function imports, and
    `weak` names of imports that may be null. `data` are (address relative to the memory
    base, offset in the file of contents, size). `mutable_globals` are export names.
    """

    memory_bytes: int
    memory_alignment: int
    table_elements: int
    table_alignment: int
    needed: list[str]
    runtime_paths: list[str]
    imports: list[tuple[str, str, str]]
    functions: dict[str, int | None]
    addresses: dict[str, int]
    constants: dict[str, int]
    forwarded: list[str]
    trapping: list[str]
    weak: list[str]
    data: list[tuple[int, int, int]]
    mutable_globals: list[str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> SideModuleDescription:
        """What `to_json` gave. Raises `TypeError` for anything that lacks a field."""
        return cls(**fields)
