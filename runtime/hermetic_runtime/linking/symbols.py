"""What a symbol means to a side module: whose function or variable it is.

Symbols are looked up as dynamic linkers of ELF systems do: first in the interpreter and in
what was opened for everyone (RTLD_GLOBAL), then in the libraries that a module needs,
and in the module itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from hermetic_runtime.bindings import Extern, ImportSlots, Instance
from hermetic_wasm.side_description import SideModuleDescription


class SlotOf(NamedTuple):
    """A pointer to a function that may not have a slot in the table yet."""

    definer: Definer
    name: str


class Definer(Protocol):
    """Something with functions and variables that others may use.

    `path` is a side module's, and empty for the interpreter.
    """

    @property
    def path(self) -> str: ...

    def find_function(self, imports: ImportSlots, slot: int, name: str) -> bool:
        """Put a function into a slot. False when it is not defined here."""
        ...

    def function(self, name: str) -> Extern | None: ...

    def address(self, name: str) -> int | None:
        """Where a variable is."""
        ...

    def slot(self, name: str) -> int | None:
        """Where a function is in the table, if it is there."""
        ...

    def remember_slot(self, name: str, slot: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Symbols:
    """Of an interpreter's core: addresses of variables, and slots of functions."""

    global_addresses: Mapping[str, int]
    function_slots: Mapping[str, int]


class CoreSymbols:
    """A `Definer`: the interpreter."""

    path = ""

    def __init__(self, core: Instance, symbols: Symbols) -> None:
        self._core = core
        self._symbols = symbols
        self._added: dict[str, int] = {}

    def find_function(self, imports: ImportSlots, slot: int, name: str) -> bool:
        return self._core.find_into(imports, slot, name)

    def function(self, name: str) -> Extern | None:
        try:
            item = self._core.export(name)
        except KeyError:
            return None
        return item if item.is_function else None

    def address(self, name: str) -> int | None:
        return self._symbols.global_addresses.get(name)

    def slot(self, name: str) -> int | None:
        return self._added.get(name, self._symbols.function_slots.get(name))

    def remember_slot(self, name: str, slot: int) -> None:
        self._added[name] = slot


@dataclass(slots=True, eq=False)
class LinkedModule:
    """A `Definer`: a side module that has its place in memory and table.

    `slots` are those of exported functions that have one. `offsets` are the globals
    through which the code finds addresses and slots, in the order of its imports.
    """

    path: str
    sha256: str
    description: SideModuleDescription
    memory_base: int
    table_base: int
    instance: Instance
    needed: tuple[LinkedModule, ...]
    slots: dict[str, int] = field(default_factory=dict[str, int])
    offsets: tuple[Extern, ...] = ()

    def find_function(self, imports: ImportSlots, slot: int, name: str) -> bool:
        return name in self.description.functions and self.instance.find_into(imports, slot, name)

    def function(self, name: str) -> Extern | None:
        return self.instance.export(name) if name in self.description.functions else None

    def address(self, name: str) -> int | None:
        relative = self.description.addresses.get(name)
        if relative is None:
            return self.description.constants.get(name)
        return (self.memory_base + relative) & 0xFFFF_FFFF

    def slot(self, name: str) -> int | None:
        return self.slots.get(name)

    def remember_slot(self, name: str, slot: int) -> None:
        self.slots[name] = slot


def with_needed(modules: Iterable[LinkedModule]) -> list[LinkedModule]:
    """Modules and what they need, breadth first, each once."""
    found: dict[LinkedModule, None] = {}
    level: list[LinkedModule] = [*modules]
    while level:
        found.update(dict.fromkeys(level))
        level = [needed for module in level for needed in module.needed if needed not in found]
    return [*found]
