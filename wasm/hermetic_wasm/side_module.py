"""Extension modules: Emscripten shared libraries, made ready to be linked by a host.

The code is rewritten so that an instance of it can be made over memory that is already
filled, such as a snapshot's. Data segments are taken out, for the host to write when the
library is loaded for the first time; so is the start function, which clears what has no
initial value and moves addresses in globals, and is exported instead; and so is every
mutable global. Code that changes the function table is refused: what is in it is for the
linker to say, who puts it there again for each guest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hermetic_wasm.binary import Reader, encode_vector
from hermetic_wasm.control_flow import may_change_tables
from hermetic_wasm.core_module import check_data_unnamed
from hermetic_wasm.dylink import DynamicSection, read_dynamic_section
from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.forwarders import generate_forwarders
from hermetic_wasm.legacy_exceptions import translate
from hermetic_wasm.module import Module
from hermetic_wasm.side_description import (
    GLOBAL_EXPORT,
    MAX_MODULE_BYTES,
    START_EXPORT,
    SideModuleDescription,
)
from hermetic_wasm.side_imports import check_import
from hermetic_wasm.structure import (
    I32,
    ConstantExpression,
    Export,
    ExternKind,
    FunctionType,
    SectionId,
    TypeIndex,
    assemble,
)

_REMOVED = frozenset(
    (
        SectionId.CUSTOM,
        SectionId.EXPORT,
        SectionId.START,
        SectionId.DATA,
        SectionId.DATA_COUNT,
    )
)
_GLOBAL_GET, _I32_CONST, _I32_ADD, _END = 0x23, 0x41, 0x6A, 0x0B


@dataclass(frozen=True, slots=True)
class SideModule:
    """`code` and `forwarders` are modules, `contents` the bytes of all data segments."""

    description: SideModuleDescription
    code: bytes
    forwarders: bytes
    contents: bytes


def prepare_side_module(binary: bytes) -> SideModule:
    """Rewrite a shared library, translate its exceptions, and describe it.

    Raises `MalformedModule` when it is not well-formed or not of a shape that is supported.
    """
    if len(binary) > MAX_MODULE_BYTES:
        raise MalformedModule(f"{len(binary)} bytes are more than a side module may have")
    module = Module(binary)
    dynamic = read_dynamic_section(module)
    _check_shape(module)
    function_types = _imported_function_types(module)
    exported = {item.name: item for item in module.exports}
    forwarded = {
        name: kind
        for name, kind in function_types.items()
        if name in exported and exported[name].kind is ExternKind.FUNCTION
    }
    weak_functions = {
        name: kind
        for name, kind in function_types.items()
        if ("env", name) in dynamic.weak_imports and name not in forwarded
    }
    exports, mutable_globals = _exports_with_state(module)
    data = _data_segments(module, dynamic)
    addresses, constants = _exported_values(module, dynamic)
    description = SideModuleDescription(
        memory_bytes=dynamic.memory_bytes,
        memory_alignment=dynamic.memory_alignment,
        table_elements=dynamic.table_elements,
        table_alignment=dynamic.table_alignment,
        needed=list(dynamic.needed),
        runtime_paths=list(dynamic.runtime_paths),
        imports=[(item.module, item.name, item.kind.name.lower()) for item in module.imports],
        functions=_exported_functions(module, dynamic),
        addresses=addresses,
        constants=constants,
        forwarded=list(forwarded),
        trapping=list(weak_functions),
        weak=sorted({name for _, name in dynamic.weak_imports}),
        data=[(address, offset, size) for address, offset, size, _ in data],
        mutable_globals=mutable_globals,
    )
    return SideModule(
        description=description,
        code=translate(_rewritten(module, exports)),
        forwarders=generate_forwarders(forwarded, weak_functions),
        contents=b"".join(contents for *_, contents in data),
    )


def _check_shape(module: Module) -> None:
    for item in module.imports:
        check_import(item)
    if module.memories or module.tables:
        raise MalformedModule("a side module that defines a memory or a table is not supported")
    for item in module.exports:
        if item.name == START_EXPORT or item.name.startswith(GLOBAL_EXPORT):
            raise MalformedModule(f"the name {item.name[:40]!r} is not for side modules to export")
    check_data_unnamed(module)
    for start, end in module.bodies:
        if may_change_tables(module.data, start, end):
            raise MalformedModule("code that changes the function table is not supported")


def _imported_function_types(module: Module) -> dict[str, FunctionType]:
    """Of module `env`. Raises `MalformedModule` where one name has two types."""
    types: dict[str, FunctionType] = {}
    for item in module.imports:
        if item.module == "env" and isinstance(item.type, TypeIndex):
            if item.kind is not ExternKind.FUNCTION:
                continue
            kind = module.type_at(item.type.index)
            if any(len(value) > 1 for value in (*kind.parameters, *kind.results)):
                raise MalformedModule(f"function env.{item.name[:200]} has a type of references")
            if types.setdefault(item.name, kind) != kind:
                raise MalformedModule(f"function env.{item.name[:200]} is imported with two types")
    return types


def _imported_globals(module: Module) -> list[str]:
    return [item.name for item in module.imported(ExternKind.GLOBAL)]


def _exports_with_state(module: Module) -> tuple[list[Export], list[str]]:
    """The exports, with the start function and every mutable global among them."""
    exports = [*module.exports]
    first = len(_imported_globals(module))
    names: list[str] = []
    for index, item in enumerate(module.globals, first):
        if item.type.mutable:
            if item.type.value != I32:
                raise MalformedModule(f"mutable global {index} is not an i32")
            names.append(f"{GLOBAL_EXPORT}{index}")
            exports.append(Export(names[-1], ExternKind.GLOBAL, index))
    start = next((item for item in module.sections if item.id is SectionId.START), None)
    if start is not None:
        reader = Reader(module.data, start.start, start.end)
        exports.append(Export(START_EXPORT, ExternKind.FUNCTION, reader.u32()))
        reader.expect_end()
    return exports, names


def _rewritten(module: Module, exports: list[Export]) -> bytes:
    kept = {
        section.id: module.contents(section)
        for section in module.sections
        if section.id not in _REMOVED
    }
    return assemble(kept | {SectionId.EXPORT: encode_vector(item.encode() for item in exports)})


def _base_relative(module: Module, expression: ConstantExpression, base: str) -> int | None:
    """The value without the base, unsigned, of `base` or of `base` plus a constant."""
    reader = Reader(expression.code)
    if reader.byte() != _GLOBAL_GET:
        return None
    index, names = reader.u32(), _imported_globals(module)
    if index >= len(names) or names[index] != base:
        return None
    value, opcode = 0, reader.byte()
    if opcode == _I32_CONST:
        value, opcode = reader.signed(32) & 0xFFFF_FFFF, reader.byte()
        if opcode != _I32_ADD:
            return None
        opcode = reader.byte()
    return value if opcode == _END else None


def _data_segments(module: Module, dynamic: DynamicSection) -> list[tuple[int, int, int, bytes]]:
    """(address relative to the memory base, offset among all contents, size, contents)."""
    found: list[tuple[int, int, int, bytes]] = []
    offset = 0
    for number, segment in enumerate(module.data_segments):
        if segment.offset is None:
            raise MalformedModule(f"data segment {number} is passive, which is not supported")
        address = _base_relative(module, segment.offset, "__memory_base")
        if address is None or segment.memory != 0:
            raise MalformedModule(f"data segment {number} is not relative to the memory base")
        size = len(segment.contents)
        if address + size > dynamic.memory_bytes:
            raise MalformedModule(f"data segment {number} ends outside the module's memory")
        found.append((address, offset, size, segment.contents))
        offset += size
    return found


def _exported_functions(module: Module, dynamic: DynamicSection) -> dict[str, int | None]:
    slots: dict[int, int] = {}
    for number, segment in enumerate(module.elements):
        if segment.offset is None:
            continue
        first = _base_relative(module, segment.offset, "__table_base")
        if first is None or segment.table != 0:
            raise MalformedModule(f"element segment {number} is not relative to the table base")
        if first + len(segment.functions) > dynamic.table_elements:
            raise MalformedModule(f"element segment {number} ends outside the module's slots")
        for slot, function in enumerate(segment.functions, first):
            if function is not None:
                slots.setdefault(function, slot)
    return {
        item.name: slots.get(item.index)
        for item in module.exports
        if item.kind is ExternKind.FUNCTION
    }


def _exported_values(
    module: Module, dynamic: DynamicSection
) -> tuple[dict[str, int], dict[str, int]]:
    addresses: dict[str, int] = {}
    constants: dict[str, int] = {}
    for name, value in _constant_globals(module):
        (constants if name in dynamic.absolute_exports else addresses)[name] = value
    return addresses, constants


def _constant_globals(module: Module) -> Iterator[tuple[str, int]]:
    first = len(_imported_globals(module))
    for item in module.exports:
        if item.kind is not ExternKind.GLOBAL:
            continue
        defined = item.index - first
        if not 0 <= defined < len(module.globals) or module.globals[defined].type.mutable:
            continue
        value = module.globals[defined].initial.i32
        if value is not None:
            yield item.name, value
