"""A WebAssembly module taken apart into the views that a rewriter or a linker needs.

Nothing here validates a module: an engine does that. What is read is well-formed or
refused with `MalformedModule`, and what is not understood is refused, never skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple, TypeVar

from hermetic_wasm.binary import Reader, encode_bytes, encode_name, encode_u32, encode_vector
from hermetic_wasm.errors import MalformedModule

T = TypeVar("T")

PREAMBLE = b"\0asm\x01\0\0\0"


class SectionId(IntEnum):
    """Core specification 5.5.2; the tag section is the exception-handling proposal's."""

    CUSTOM = 0
    TYPE = 1
    IMPORT = 2
    FUNCTION = 3
    TABLE = 4
    MEMORY = 5
    GLOBAL = 6
    EXPORT = 7
    START = 8
    ELEMENT = 9
    CODE = 10
    DATA = 11
    DATA_COUNT = 12
    TAG = 13


class ExternKind(IntEnum):
    FUNCTION = 0
    TABLE = 1
    MEMORY = 2
    GLOBAL = 3
    TAG = 4


I32 = b"\x7f"
FUNCREF = b"\x70"
EXTERNREF = b"\x6f"
EXNREF = b"\x69"
_VALUE_TYPE_NAMES = {
    I32: "i32",
    b"\x7e": "i64",
    b"\x7d": "f32",
    b"\x7c": "f64",
    b"\x7b": "v128",
    FUNCREF: "funcref",
    EXTERNREF: "externref",
    EXNREF: "exnref",
}


def value_type_name(value_type: bytes) -> str:
    """The name in the text format; the encoding in hexadecimal where there is no short one."""
    return _VALUE_TYPE_NAMES.get(value_type, value_type.hex())


@dataclass(frozen=True, slots=True)
class FunctionType:
    """Parameters and results, each value type in its binary encoding."""

    parameters: tuple[bytes, ...] = ()
    results: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        return b"\x60" + encode_vector(self.parameters) + encode_vector(self.results)


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes of a memory in pages of 64 KiB, or of a table in elements."""

    minimum: int
    maximum: int | None
    flags: int

    def encode(self) -> bytes:
        maximum = b"" if self.maximum is None else encode_u32(self.maximum)
        return bytes((self.flags,)) + encode_u32(self.minimum) + maximum


@dataclass(frozen=True, slots=True)
class TableType:
    element: bytes
    limits: Limits


@dataclass(frozen=True, slots=True)
class MemoryType:
    limits: Limits


@dataclass(frozen=True, slots=True)
class GlobalType:
    value: bytes
    mutable: bool

    def encode(self) -> bytes:
        return self.value + bytes((self.mutable,))


@dataclass(frozen=True, slots=True)
class TypeIndex:
    """The type of a function or a tag: where it is in the type section."""

    index: int


ExternType = TypeIndex | TableType | MemoryType | GlobalType


@dataclass(frozen=True, slots=True)
class Import:
    module: str
    name: str
    type: ExternType
    kind: ExternKind
    encoded: bytes


@dataclass(frozen=True, slots=True)
class Export:
    name: str
    kind: ExternKind
    index: int

    def encode(self) -> bytes:
        return encode_name(self.name) + bytes((self.kind,)) + encode_u32(self.index)


@dataclass(frozen=True, slots=True)
class ConstantExpression:
    """The instructions of an initial value or an offset, with the final `end`."""

    code: bytes

    @property
    def i32(self) -> int | None:
        """The value, unsigned, where the expression is nothing but `i32.const`."""
        if self.code[:1] != b"\x41":
            return None
        reader = Reader(self.code, 1)
        value = reader.signed(32) & 0xFFFF_FFFF
        return value if self.code[reader.position :] == b"\x0b" else None


@dataclass(frozen=True, slots=True)
class Global:
    type: GlobalType
    initial: ConstantExpression


@dataclass(frozen=True, slots=True)
class ElementSegment:
    """Functions for a table. `offset` is None where the segment is passive or declarative;
    a function is None where the element is null or only known to the engine."""

    table: int
    offset: ConstantExpression | None
    functions: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class DataSegment:
    """Bytes for a memory. `offset` is None where the segment is passive."""

    memory: int
    offset: ConstantExpression | None
    contents: bytes


@dataclass(frozen=True, slots=True)
class Section:
    """The contents of a section are the module's bytes from `start` to `end`."""

    id: SectionId
    start: int
    end: int


class Body(NamedTuple):
    """A function's locals and instructions are the module's bytes from `start` to `end`."""

    start: int
    end: int


def encode_section(section_id: SectionId, contents: bytes) -> bytes:
    return bytes((section_id,)) + encode_bytes(contents)


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
            reader.fail(f"unknown section {number}")
        section_id = SectionId(number)
        if section_id in seen and section_id is not SectionId.CUSTOM:
            reader.fail(f"second {section_id.name.lower()} section")
        seen.add(section_id)
        size = reader.u32()
        start = reader.position
        if size > reader.end - start:
            reader.fail(f"section of {size} bytes, {reader.end - start} left")
        reader.position = start + size
        yield Section(section_id, start, reader.position)


def _function_type(reader: Reader) -> FunctionType:
    form = reader.byte()
    if form != 0x60:
        reader.fail(f"type form {form:#x} is not supported, only functions are")
    parameters = tuple(reader.value_type() for _ in range(reader.count()))
    results = tuple(reader.value_type() for _ in range(reader.count()))
    return FunctionType(parameters, results)


def _type_index(reader: Reader) -> TypeIndex:
    return TypeIndex(reader.u32())


def _tag_type(reader: Reader) -> TypeIndex:
    if reader.byte() != 0:
        reader.fail("unknown tag attribute")
    return TypeIndex(reader.u32())


def _limits(reader: Reader) -> Limits:
    flags = reader.byte()
    if flags > 7:
        reader.fail(f"limits of kind {flags:#x} are not supported")
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
        reader.fail(f"{mutability} is not a mutability")
    return GlobalType(value, mutability == 1)


def _extern_kind(reader: Reader) -> ExternKind:
    kind = reader.byte()
    if kind > ExternKind.TAG:
        reader.fail(f"unknown kind {kind} of import or export")
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
            reader.fail(f"instruction {opcode:#x} is not supported in a constant")
    return ConstantExpression(reader.data[start : reader.position])


def _global(reader: Reader) -> Global:
    return Global(_global_type(reader), _constant_expression(reader))


def _element_segment(reader: Reader) -> ElementSegment:
    flags = reader.u32()
    if flags > 7:
        reader.fail(f"unknown kind {flags} of element segment")
    active, indexed, expressions = not flags & 1, flags & 2, flags & 4
    table = reader.u32() if active and indexed else 0
    offset = _constant_expression(reader) if active else None
    if flags & 3:
        if expressions:
            reader.value_type()
        elif reader.byte() != 0:
            reader.fail("unknown kind of elements")
    element = _function_reference if expressions else Reader.u32
    return ElementSegment(table, offset, tuple(element(reader) for _ in range(reader.count())))


def _function_reference(reader: Reader) -> int | None:
    code = _constant_expression(reader).code
    return Reader(code, 1).u32() if code[:1] == b"\xd2" else None


def _data_segment(reader: Reader) -> DataSegment:
    flags = reader.u32()
    if flags > 2:
        reader.fail(f"unknown kind {flags} of data segment")
    memory = reader.u32() if flags == 2 else 0
    offset = None if flags == 1 else _constant_expression(reader)
    return DataSegment(memory, offset, reader.take(reader.u32()))


def _body(reader: Reader) -> Body:
    size = reader.u32()
    if size > reader.end - reader.position:
        reader.fail(f"function of {size} bytes, {reader.end - reader.position} left")
    start = reader.position
    reader.position += size
    return Body(start, reader.position)
