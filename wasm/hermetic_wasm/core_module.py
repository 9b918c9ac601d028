"""The main module of an interpreter, cut into code that is shared and memory that is not.

Emscripten's main module defines its memory and fills it. Here the memory is imported, and
the initial contents are one data segment of a second, tiny *memory module*: an engine can
then map them copy-on-write, and the same code runs over any other memory, such as a
snapshot's. All state outside memory and tables is in mutable globals, which are exported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hermetic_wasm import opcodes
from hermetic_wasm.binary import encode_name, encode_vector
from hermetic_wasm.control_flow import parse_body
from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.memory_module import constant, memory_module
from hermetic_wasm.module import Module
from hermetic_wasm.structure import (
    I32,
    Export,
    ExternKind,
    GlobalType,
    Limits,
    SectionId,
    assemble,
)

PAGE_BYTES = 65_536
MAX_INITIAL_BYTES = 256 * 1024 * 1024
MEMORY_IMPORT = ("env", "memory")
FUNCTION_OFFSETS = "GOT.func"
"""Module of the globals that Emscripten's dynamic linking (tool-conventions,
DynamicLinking.md) fills with the table slots of functions."""

_DATA_INSTRUCTION = re.compile(rb"\xfc[\x08\x09]")
_REMOVED = frozenset(
    (
        SectionId.CUSTOM,
        SectionId.IMPORT,
        SectionId.MEMORY,
        SectionId.GLOBAL,
        SectionId.EXPORT,
        SectionId.DATA,
        SectionId.DATA_COUNT,
    )
)


@dataclass(frozen=True, slots=True)
class CoreModule:
    """The two modules, and the export names of every global that holds state.

    A mutable global that the main module does not export itself is exported as
    `__mutable_global_N`, N being its index. In Pyodide 314.0.7 the state is
    `__stack_pointer` and 281 to 283: the stack's base, its end, and `tempRet0`.
    """

    core: bytes
    memory: bytes
    mutable_globals: tuple[str, ...]


def split_memory(
    main: bytes,
    *,
    functions: Mapping[str, int] | None = None,
    replaced: Mapping[bytes, bytes] | None = None,
) -> CoreModule:
    """Rewrite a main module to import its memory.

    `functions` are more functions to export, by name, with their indices. `replaced` are
    byte strings that occur once in the initial memory, each with its successor, which is
    not longer and is filled up with zeros.

    Imported `GOT.func` globals, which would be the host's to provide, become the first
    defined ones, so that every index stays what it was; they hold 0, a null function, as
    the functions meant do not exist. Custom sections are dropped.

    Raises `MalformedModule` when the module is not well-formed or not of this shape.
    """
    module = Module(main)
    limits = _only_memory(module)
    check_data_unnamed(module)
    offsets = sum(1 for _ in _function_offsets(module))
    exports, mutable_globals = _exports_with_state(module, offsets)
    exports += _added_functions(module, exports, functions or {})
    added = {
        SectionId.IMPORT: _imports(module, limits),
        SectionId.GLOBAL: _globals(module, offsets),
        SectionId.EXPORT: encode_vector(export.encode() for export in exports),
    }
    kept = {
        section.id: module.contents(section)
        for section in module.sections
        if section.id not in _REMOVED
    }
    initial = _replace_once(_initial_memory(module, limits), replaced or {})
    memory = memory_module(limits, initial)
    return CoreModule(assemble(kept | added), memory, mutable_globals)


def _only_memory(module: Module) -> Limits:
    if len(module.memories) != 1 or any(module.imported(ExternKind.MEMORY)):
        raise MalformedModule("the main module does not define exactly one memory")
    return module.memories[0].limits


def check_data_unnamed(module: Module) -> None:
    """Refuse code that copies from data segments, which are about to move away.

    Such code is only valid beside a data count section (core specification, 5.5.16).
    """
    if all(section.id is not SectionId.DATA_COUNT for section in module.sections):
        return
    for start, end in module.bodies:
        if not _DATA_INSTRUCTION.search(module.data, start, end):
            continue
        for instruction in parse_body(module.data, start, end).instructions:
            if instruction.opcode == opcodes.BULK_MEMORY:
                raise MalformedModule(
                    "memory.init or data.drop names a data segment that has to move, "
                    f"at offset {instruction.start:#x}"
                )


def _function_offsets(module: Module) -> Iterator[str]:
    expected = GlobalType(I32, mutable=True)
    for imported in module.imports:
        if imported.kind is ExternKind.GLOBAL:
            if imported.module != FUNCTION_OFFSETS or imported.type != expected:
                raise MalformedModule(
                    f"global {imported.module}.{imported.name} can't be provided, "
                    f"only mutable i32 globals of {FUNCTION_OFFSETS}"
                )
            yield imported.name
        elif imported.kind is not ExternKind.FUNCTION:
            raise MalformedModule(
                f"{imported.kind.name.lower()} {imported.module}.{imported.name} "
                "is imported by the main module"
            )


def _imports(module: Module, limits: Limits) -> bytes:
    functions = [imported.encoded for imported in module.imported(ExternKind.FUNCTION)]
    names = b"".join(map(encode_name, MEMORY_IMPORT))
    memory = names + bytes((ExternKind.MEMORY,)) + limits.encode()
    return encode_vector([*functions, memory])


def _globals(module: Module, offsets: int) -> bytes:
    zero = GlobalType(I32, mutable=True).encode() + constant(0)
    defined = (item.type.encode() + item.initial.code for item in module.globals)
    return encode_vector([*[zero] * offsets, *defined])


def _exports_with_state(module: Module, offsets: int) -> tuple[list[Export], tuple[str, ...]]:
    exports = [*module.exports]
    named = {item.index: item.name for item in exports if item.kind is ExternKind.GLOBAL}
    mutable = [index for index, item in enumerate(module.globals, offsets) if item.type.mutable]
    for index in mutable:
        if index not in named:
            named[index] = f"__mutable_global_{index}"
            exports.append(Export(named[index], ExternKind.GLOBAL, index))
    return exports, tuple(named[index] for index in mutable)


def _added_functions(
    module: Module, exports: list[Export], functions: Mapping[str, int]
) -> list[Export]:
    count = sum(1 for _ in module.imported(ExternKind.FUNCTION)) + len(module.functions)
    taken = {export.name for export in exports}
    for name, index in functions.items():
        if name in taken:
            raise MalformedModule(f"the main module exports {name} itself")
        if index >= count:
            raise MalformedModule(f"function {index} is to be exported, there are {count}")
    return [Export(name, ExternKind.FUNCTION, index) for name, index in functions.items()]


def _replace_once(memory: bytes, replaced: Mapping[bytes, bytes]) -> bytes:
    for before, after in replaced.items():
        found = memory.count(before)
        if found != 1:
            raise MalformedModule(f"{before!r} occurs {found} times in memory, not once")
        if len(after) > len(before):
            raise MalformedModule(f"{after!r} does not fit where {before!r} is in memory")
        memory = memory.replace(before, after.ljust(len(before), b"\0"))
    return memory


def _initial_memory(module: Module, limits: Limits) -> bytes:
    """Everything from address 0 to the last byte of a data segment."""
    segments = [*_initial_contents(module)]
    size = max((address + len(contents) for address, contents in segments), default=0)
    if size > min(limits.minimum * PAGE_BYTES, MAX_INITIAL_BYTES):
        raise MalformedModule(f"data segments reach to address {size}, which is too far")
    memory = bytearray(size)
    for address, contents in segments:
        memory[address : address + len(contents)] = contents
    return bytes(memory)


def _initial_contents(module: Module) -> Iterator[tuple[int, bytes]]:
    for number, segment in enumerate(module.data_segments):
        address = segment.offset.i32 if segment.offset else None
        if address is None:
            raise MalformedModule(f"data segment {number} has no constant address")
        yield address, segment.contents
