"""A WebAssembly module taken apart into the views that a rewriter or a linker needs.

Nothing here validates a module: an engine does that. What is read is well-formed or
refused with `MalformedModule`, and what is not understood is refused, never skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TypeVar

from hermetic_wasm.binary import Reader
from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.structure import (
    PREAMBLE,
    Body,
    ConstantExpression,
    DataSegment,
    ElementSegment,
    Export,
    ExternKind,
    ExternType,
    FunctionType,
    Global,
    GlobalType,
    Import,
    Limits,
    MemoryType,
    Section,
    SectionId,
    TableType,
    TypeIndex,
)

T = TypeVar("T")


class Module:
    """A module's sections, and what is in them, parsed when it is asked for.

    Raises `MalformedModule`, as every view does, when `data` is not what it should be.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.sections = tuple(_sections(data))
        self._by_id = {section.id: section for section in self.sections}

    def contents(self, section: Section) -> bytes:
        return self.data[section.start : section.end]

    def _view(self, section_id: SectionId, read: Callable[[Reader], T]) -> tuple[T, ...]:
        section = self._by_id.get(section_id)
        if section is None:
            return ()
        reader = Reader(self.data, section.start, section.end)
        items = tuple(read(reader) for _ in range(reader.count()))
        reader.expect_end()
        return items

    @cached_property
    def types(self) -> tuple[FunctionType, ...]:
        return self._view(SectionId.TYPE, _function_type)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return self._view(SectionId.IMPORT, _import)

    @cached_property
    def functions(self) -> tuple[TypeIndex, ...]:
        """The type of each defined function."""
        return self._view(SectionId.FUNCTION, _type_index)

    @cached_property
    def tables(self) -> tuple[TableType, ...]:
        return self._view(SectionId.TABLE, _table_type)

    @cached_property
    def memories(self) -> tuple[MemoryType, ...]:
        return self._view(SectionId.MEMORY, _memory_type)

    @cached_property
    def tags(self) -> tuple[TypeIndex, ...]:
        return self._view(SectionId.TAG, _tag_type)

    @cached_property
    def globals(self) -> tuple[Global, ...]:
        return self._view(SectionId.GLOBAL, _global)

    @cached_property
    def exports(self) -> tuple[Export, ...]:
        return self._view(SectionId.EXPORT, _export)

    @cached_property
    def elements(self) -> tuple[ElementSegment, ...]:
        return self._view(SectionId.ELEMENT, _element_segment)

    @cached_property
    def data_segments(self) -> tuple[DataSegment, ...]:
        return self._view(SectionId.DATA, _data_segment)

    @cached_property
    def bodies(self) -> tuple[Body, ...]:
        return self._view(SectionId.CODE, _body)

    def imported(self, kind: ExternKind) -> Iterator[Import]:
        return (imported for imported in self.imports if imported.kind is kind)

    def type_at(self, index: int) -> FunctionType:
        if index >= len(self.types):
            raise MalformedModule(f"type {index} is used, {len(self.types)} are declared")
        return self.types[index]


def _sections(data: bytes) -> Iterator[Section]:
    if data[: len(PREAMBLE)] != PREAMBLE:
        raise MalformedModule("not a WebAssembly module of version 1, at offset 0x0")
    reader = Reader(data, len(PREAMBLE))
    seen: set[SectionId] = set()
    while not reader.at_end:
        number = reader.byte()
        if number > SectionId.TAG:
            raise reader.malformed(f"unknown section {number}")
        section_id = SectionId(number)
        if section_id in seen and section_id is not SectionId.CUSTOM:
            raise reader.malformed(f"second {section_id.name.lower()} section")
        seen.add(section_id)
        size = reader.u32()
        start = reader.position
        if size > reader.end - start:
            raise reader.malformed(f"section of {size} bytes, {reader.end - start} left")
        reader.position = start + size
        yield Section(section_id, start, reader.position)


def _function_type(reader: Reader) -> FunctionType:
    form = reader.byte()
    if form != 0x60:
        raise reader.malformed(f"type form {form:#x} is not supported, only functions are")
    parameters = tuple(reader.value_type() for _ in range(reader.count()))
    results = tuple(reader.value_type() for _ in range(reader.count()))
    return FunctionType(parameters, results)


def _type_index(reader: Reader) -> TypeIndex:
    return TypeIndex(reader.u32())


def _tag_type(reader: Reader) -> TypeIndex:
    if reader.byte() != 0:
        raise reader.malformed("unknown tag attribute")
    return TypeIndex(reader.u32())


def _limits(reader: Reader) -> Limits:
    flags = reader.byte()
    if flags > 7:
        raise reader.malformed(f"limits of kind {flags:#x} are not supported")
    size = reader.u64 if flags & 4 else reader.u32
    return Limits(size(), size() if flags & 1 else None, flags)


def _table_type(reader: Reader) -> TableType:
    return TableType(reader.value_type(), _limits(reader))


def _memory_type(reader: Reader) -> MemoryType:
    return MemoryType(_limits(reader))


def _global_type(reader: Reader) -> GlobalType:
    value = reader.value_type()
    mutability = reader.byte()
    if mutability > 1:
        raise reader.malformed(f"{mutability} is not a mutability")
    return GlobalType(value, mutability == 1)


def _extern_kind(reader: Reader) -> ExternKind:
    kind = reader.byte()
    if kind > ExternKind.TAG:
        raise reader.malformed(f"unknown kind {kind} of import or export")
    return ExternKind(kind)


_EXTERN_TYPES: dict[ExternKind, Callable[[Reader], ExternType]] = {
    ExternKind.FUNCTION: _type_index,
    ExternKind.TABLE: _table_type,
    ExternKind.MEMORY: _memory_type,
    ExternKind.GLOBAL: _global_type,
    ExternKind.TAG: _tag_type,
}


def _import(reader: Reader) -> Import:
    start = reader.position
    module, name, kind = reader.name(), reader.name(), _extern_kind(reader)
    extern_type = _EXTERN_TYPES[kind](reader)
    return Import(module, name, extern_type, kind, reader.data[start : reader.position])


def _export(reader: Reader) -> Export:
    return Export(reader.name(), _extern_kind(reader), reader.u32())


def _constant_expression(reader: Reader) -> ConstantExpression:
    start = reader.position
    while (opcode := reader.byte()) != 0x0B:
        if opcode == 0x41:
            reader.signed(32)
        elif opcode == 0x42:
            reader.signed(64)
        elif opcode == 0x43:
            reader.take(4)
        elif opcode == 0x44:
            reader.take(8)
        elif opcode in (0x23, 0xD2):
            reader.u32()
        elif opcode == 0xD0:
            reader.signed(33)
        elif opcode not in (0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E):
            raise reader.malformed(f"instruction {opcode:#x} is not supported in a constant")
    return ConstantExpression(reader.data[start : reader.position])


def _global(reader: Reader) -> Global:
    return Global(_global_type(reader), _constant_expression(reader))


def _element_segment(reader: Reader) -> ElementSegment:
    flags = reader.u32()
    if flags > 7:
        raise reader.malformed(f"unknown kind {flags} of element segment")
    active, indexed, expressions = not flags & 1, flags & 2, flags & 4
    table = reader.u32() if active and indexed else 0
    offset = _constant_expression(reader) if active else None
    if flags & 3:
        if expressions:
            reader.value_type()
        elif reader.byte() != 0:
            raise reader.malformed("unknown kind of elements")
    element = _function_reference if expressions else Reader.u32
    return ElementSegment(table, offset, tuple(element(reader) for _ in range(reader.count())))


def _function_reference(reader: Reader) -> int | None:
    code = _constant_expression(reader).code
    return Reader(code, 1).u32() if code[:1] == b"\xd2" else None


def _data_segment(reader: Reader) -> DataSegment:
    flags = reader.u32()
    if flags > 2:
        raise reader.malformed(f"unknown kind {flags} of data segment")
    memory = reader.u32() if flags == 2 else 0
    offset = None if flags == 1 else _constant_expression(reader)
    return DataSegment(memory, offset, reader.take(reader.u32()))


def _body(reader: Reader) -> Body:
    size = reader.u32()
    if size > reader.end - reader.position:
        raise reader.malformed(f"function of {size} bytes, {reader.end - reader.position} left")
    start = reader.position
    reader.position += size
    return Body(start, reader.position)
