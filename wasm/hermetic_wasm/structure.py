"""The parts of a WebAssembly module, and how they are written.

The words are those of the WebAssembly core specification, chapter 2 (Structure).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from hermetic_wasm.binary import Reader, encode_bytes, encode_name, encode_u32, encode_vector

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
    """Functions for a table. `offset` is None where the segment is passive or declarative.

    A function is None where the element is null or only known to the engine.
    """

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


_ORDER = (
    SectionId.TYPE,
    SectionId.IMPORT,
    SectionId.FUNCTION,
    SectionId.TABLE,
    SectionId.MEMORY,
    SectionId.TAG,
    SectionId.GLOBAL,
    SectionId.EXPORT,
    SectionId.START,
    SectionId.ELEMENT,
    SectionId.CODE,
    SectionId.DATA,
)


def assemble(sections: Mapping[SectionId, bytes]) -> bytes:
    """A module of the sections given by their contents, in the order that the format asks for."""
    return PREAMBLE + b"".join(
        encode_section(section_id, sections[section_id])
        for section_id in _ORDER
        if section_id in sections
    )
