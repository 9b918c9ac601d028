"""What a host has to know of an interpreter's modules, found once, when they are built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.import_stubs import is_provided_by_host
from hermetic_wasm.module import Module
from hermetic_wasm.structure import (
    ExternKind,
    FunctionType,
    Limits,
    MemoryType,
    TypeIndex,
    value_type_name,
)

FUNCTION_TABLE = "__indirect_function_table"

ImportLayout = tuple[str, str, str, list[str], list[str], str]
"""Module, name, kind ("function" or "memory"), parameters and results as in the text
format, and the provider: "host", "stub" or "memory" (the memory module)."""


class SizeLimits(TypedDict):
    minimum: int
    maximum: int | None


class Layout(TypedDict):
    """`imports` are in the order of core.wasm, `stubs` in the order of stubs.wasm.

    `mutable_globals` are export names. `memory` is in pages of 64 KiB; `table`, the
    function table, in elements.
    """

    image: str
    version: str
    python: str
    content_hash: str
    imports: list[ImportLayout]
    stubs: list[str]
    mutable_globals: list[str]
    memory: SizeLimits
    table: SizeLimits


def describe_imports(core: Module) -> list[ImportLayout]:
    """Every import of the core module with who provides it."""
    return [*_describe_imports(core)]


def _describe_imports(core: Module) -> Iterator[ImportLayout]:
    for item in core.imports:
        if not isinstance(item.type, TypeIndex):
            yield item.module, item.name, "memory", [], [], "memory"
            continue
        called = core.type_at(item.type.index)
        yield (
            item.module,
            item.name,
            "function",
            [value_type_name(value) for value in called.parameters],
            [value_type_name(value) for value in called.results],
            "host" if is_provided_by_host(item.module, item.name) else "stub",
        )


def stubbed_functions(core: Module) -> list[tuple[str, FunctionType]]:
    """Name and type of every imported function that the host does not provide."""
    return [
        (item.name, core.type_at(item.type.index))
        for item in core.imports
        if isinstance(item.type, TypeIndex) and not is_provided_by_host(item.module, item.name)
    ]


def function_slots(core: Module) -> dict[str, int]:
    """Where exported functions are in the function table: what a C pointer to one holds."""
    slots: dict[int, int] = {}
    for segment in core.elements:
        if segment.offset is None:
            continue
        if segment.table != 0 or segment.offset.i32 is None:
            raise MalformedModule("an element segment is not for constant slots of the first table")
        for slot, function in enumerate(segment.functions, segment.offset.i32):
            if function is not None:
                slots.setdefault(function, slot)
    return {
        item.name: slots[item.index]
        for item in core.exports
        if item.kind is ExternKind.FUNCTION and item.index in slots
    }


def global_addresses(core: Module) -> dict[str, int]:
    """The value of each exported constant: the address of a C variable or function name."""
    imported = sum(1 for _ in core.imported(ExternKind.GLOBAL))
    values = {
        index: item.initial.i32
        for index, item in enumerate(core.globals, imported)
        if not item.type.mutable
    }
    return {
        item.name: value
        for item in core.exports
        if item.kind is ExternKind.GLOBAL and (value := values.get(item.index)) is not None
    }


def memory_limits(core: Module) -> SizeLimits:
    """Sizes of the imported memory."""
    memories = [item.type for item in core.imports if isinstance(item.type, MemoryType)]
    if len(memories) != 1:
        raise MalformedModule(f"the core module imports {len(memories)} memories instead of one")
    return _size_limits(memories[0].limits)


def table_limits(core: Module) -> SizeLimits:
    """Sizes of the function table."""
    for item in core.exports:
        if item.name == FUNCTION_TABLE and item.index < len(core.tables):
            return _size_limits(core.tables[item.index].limits)
    raise MalformedModule(f"the core module does not export a table {FUNCTION_TABLE}")


def _size_limits(limits: Limits) -> SizeLimits:
    return {"minimum": limits.minimum, "maximum": limits.maximum}
