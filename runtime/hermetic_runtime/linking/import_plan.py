"""Deciding what each import of a side module gets, before anything is changed for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hermetic_runtime.bindings import ImportSlots, Instance, new_global
from hermetic_runtime.errors import LinkError
from hermetic_runtime.interpreters.core_instance import CoreInstance
from hermetic_runtime.linking.symbols import Definer, SlotOf
from hermetic_wasm.side_description import (
    ADDRESSES,
    MEMORY_BASE,
    SLOTS,
    STACK_POINTER,
    TABLE_BASE,
    SideModuleDescription,
)

_NAMED_AT_MOST = 5


class OwnAddress(NamedTuple):
    """Of a variable of the module itself, relative to its memory base."""

    relative: int


class OwnSlot(NamedTuple):
    """Of a function of the module itself."""

    name: str


Offset = int | OwnAddress | OwnSlot | SlotOf
"""What a global of GOT.mem or GOT.func holds; a number is final."""


@dataclass(slots=True)
class ImportPlan:
    """`slots` has what exists already. The others are places in it: `from_forwarders`
    by name, `bases` by the base's name, and `offsets` each with what it is to hold.
    """

    slots: ImportSlots
    from_forwarders: dict[bytes, int] = field(default_factory=dict[bytes, int])
    bases: dict[str, int] = field(default_factory=dict[str, int])
    offsets: list[tuple[int, Offset]] = field(default_factory=list[tuple[int, Offset]])

    def provide_bases(self, core: CoreInstance, memory_base: int, table_base: int) -> None:
        values = {MEMORY_BASE: memory_base, TABLE_BASE: table_base}
        for name, slot in self.bases.items():
            self.slots[slot] = new_global(core.store, values[name], mutable=False)

    def provide_forwarders(self, forwarders: Instance) -> None:
        forwarders.export_into(self.slots, self.from_forwarders)


def plan_imports(
    core: CoreInstance, description: SideModuleDescription, scope: Sequence[Definer]
) -> ImportPlan:
    """`scope` is where symbols are looked up, in that order, before the module itself.

    Raises `LinkError` for symbols that are defined nowhere and must be.
    """
    planner = _Planner(core, description, scope)
    for slot, (module, name, kind) in enumerate(description.imports):
        if not planner.plan(slot, module, name, kind):
            planner.missing[name] = None
    if planner.missing:
        named = ", ".join(name[:200] for name in [*planner.missing][:_NAMED_AT_MOST])
        more = len(planner.missing) - _NAMED_AT_MOST
        raise LinkError(f"undefined symbol: {named}{f' and {more} more' if more > 0 else ''}")
    return planner.result


class _Planner:
    def __init__(
        self, core: CoreInstance, description: SideModuleDescription, scope: Sequence[Definer]
    ) -> None:
        self._core = core
        self._description = description
        self._scope = scope
        self._weak = frozenset(description.weak)
        self._forwarded = frozenset(description.forwarded)
        self._trapping = frozenset(description.trapping)
        self.result = ImportPlan(ImportSlots(len(description.imports)))
        self.missing: dict[str, None] = {}

    def plan(self, slot: int, module: str, name: str, kind: str) -> bool:
        """False when nothing provides it."""
        if kind == "function":
            return self._plan_function(slot, module, name)
        if kind == "global":
            return self._plan_global(slot, module, name)
        if kind == "memory":
            self.result.slots[slot] = self._core.memory
            return True
        # Tables are checked to be the one function table; tags are the interpreter's.
        return self._core.core.find_into(self.result.slots, slot, name)

    def _plan_function(self, slot: int, module: str, name: str) -> bool:
        if module == "env":
            for definer in self._scope:
                if definer.find_function(self.result.slots, slot, name):
                    return True
            if name in self._forwarded:
                self.result.from_forwarders[name.encode()] = slot
                return True
        if self._core.provide(self.result.slots, slot, module, name):
            return True
        if name in self._trapping:
            self.result.from_forwarders[name.encode()] = slot
            return True
        return False

    def _plan_global(self, slot: int, module: str, name: str) -> bool:
        if module == "env":
            if name == STACK_POINTER:
                return self._core.core.find_into(self.result.slots, slot, name)
            self.result.bases[name] = slot
            return True
        if module == ADDRESSES:
            offset = self._address(name)
        elif module == SLOTS:
            offset = self._slot(name)
        else:
            return False
        if offset is None:
            if name not in self._weak:
                return False
            offset = 0
        self.result.offsets.append((slot, offset))
        return True

    def _address(self, name: str) -> Offset | None:
        for definer in self._scope:
            address = definer.address(name)
            if address is not None:
                return address
        if name in self._description.addresses:
            return OwnAddress(self._description.addresses[name])
        return self._description.constants.get(name)

    def _slot(self, name: str) -> Offset | None:
        for definer in self._scope:
            found = definer.slot(name)
            if found is not None:
                return found
            if definer.function(name) is not None:
                return SlotOf(definer, name)
        return OwnSlot(name) if name in self._description.functions else None
