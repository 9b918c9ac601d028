"""Where in the table and in memory a module's functions and variables come to be."""

from __future__ import annotations

from collections.abc import Mapping

from hermetic_runtime.linking.import_plan import ImportPlan, OwnAddress, OwnSlot
from hermetic_runtime.linking.log import ModuleAdded
from hermetic_runtime.side_modules import CompiledSideModule


def own_slots(compiled: CompiledSideModule, plan: ImportPlan) -> tuple[str, ...]:
    """Functions of the module that need slots besides those it asks for itself."""
    pointed_to = (offset.name for _, offset in plan.offsets if isinstance(offset, OwnSlot))
    functions = compiled.description.functions
    others = (name for name in pointed_to if functions[name] is None)
    return tuple(dict.fromkeys([*compiled.description.forwarded, *others]))


def slots_of(compiled: CompiledSideModule, added: ModuleAdded) -> dict[str, int]:
    """The slot of each function of the module that has one."""
    after = added.table_base + compiled.description.table_elements
    slots = {name: after + number for number, name in enumerate(added.own_slots)}
    for name, relative in compiled.description.functions.items():
        if relative is not None:
            slots[name] = added.table_base + relative
    return slots


def absolute(offset: int | OwnAddress | OwnSlot, memory_base: int, slots: Mapping[str, int]) -> int:
    """The value of an offset: an address or a slot."""
    if isinstance(offset, OwnAddress):
        return (memory_base + offset.relative) & 0xFFFF_FFFF
    return slots[offset.name] if isinstance(offset, OwnSlot) else offset
