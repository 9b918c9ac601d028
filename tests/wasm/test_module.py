"""Modules taken apart, and every malformed one refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from engines import assemble
from hypothesis import example, given
from hypothesis import strategies as st
from legacy_modules import LEGACY_MODULES

from hermetic_wasm.core_module import split_memory
from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.layout import describe_imports, function_slots, global_addresses
from hermetic_wasm.legacy_exceptions import translate
from hermetic_wasm.module import Module
from hermetic_wasm.structure import (
    EXTERNREF,
    FUNCREF,
    I32,
    Export,
    ExternKind,
    FunctionType,
    GlobalType,
    Limits,
    MemoryType,
    TableType,
    TypeIndex,
)

EVERYTHING = assemble("""
  (module
    (type $binary (func (param i32 externref) (result i64 f64)))
    (import "env" "call" (func (type $binary)))
    (import "GOT.func" "offset" (global (mut i32)))
    (import "env" "tag" (tag (param i32)))
    (table $functions (export "functions") 4 9 funcref)
    (table 0 externref)
    (memory (export "memory") 1 3)
    (tag (param i32 f32))
    (global $address (export "address") i32 (i32.const 1024))
    (global $state (mut i32) (i32.const -1))
    (global i64 (i64.const 5))
    (global funcref (ref.func $work))
    (elem (table $functions) (i32.const 1) func $work $rest)
    (elem (table $functions) (i32.const 3) funcref (ref.func $work) (ref.null func))
    (elem declare func $rest)
    (data (i32.const 1030) "hello")
    (data $passive "later")
    (func $work (export "work") (result i32)
      try (result i32)
        i32.const 3
      catch 1
        drop
      catch_all
        i32.const 4
        br_table 0 0
      end)
    (func $rest (export "rest") (export "other")
      i32.const 0 i32.const 0 i32.const 0 memory.init $passive))
""")
"""A module with something in every section."""


def test_types_are_listed() -> None:
    assert Module(EVERYTHING).types[0] == FunctionType((I32, EXTERNREF), (b"\x7e", b"\x7c"))


def test_imports_are_listed_with_their_types() -> None:
    listed = [(item.module, item.name, item.type) for item in Module(EVERYTHING).imports]
    assert listed[:2] == [
        ("env", "call", TypeIndex(0)),
        ("GOT.func", "offset", GlobalType(I32, mutable=True)),
    ]
    assert Module(EVERYTHING).imports[2].kind is ExternKind.TAG


def test_an_import_can_be_written_again_as_it_was() -> None:
    module = Module(EVERYTHING)
    assert b"".join(item.encoded for item in module.imports) in EVERYTHING


def test_tables_and_memories_are_listed_with_their_limits() -> None:
    module = Module(EVERYTHING)
    assert module.tables == (
        TableType(FUNCREF, Limits(4, 9, 1)),
        TableType(EXTERNREF, Limits(0, None, 0)),
    )
    assert module.memories == (MemoryType(Limits(1, 3, 1)),)


def test_tags_are_listed_with_their_types() -> None:
    module = Module(EVERYTHING)
    assert [module.type_at(tag.index) for tag in module.tags] == [FunctionType((I32, b"\x7d"))]


def test_globals_are_listed_with_constant_values() -> None:
    values = [(item.type.mutable, item.initial.i32) for item in Module(EVERYTHING).globals]
    assert values == [(False, 1024), (True, 0xFFFF_FFFF), (False, None), (False, None)]


def test_exports_are_listed_and_written_as_they_were() -> None:
    exports = Module(EVERYTHING).exports
    assert Export("work", ExternKind.FUNCTION, 1) in exports
    assert b"".join(item.encode() for item in exports) in EVERYTHING


def test_element_segments_are_listed_in_every_form() -> None:
    segments = Module(EVERYTHING).elements
    listed = [(item.offset and item.offset.i32, item.functions) for item in segments]
    assert listed == [(1, (1, 2)), (3, (1, None)), (None, (2,))]


def test_data_segments_are_listed() -> None:
    segments = Module(EVERYTHING).data_segments
    listed = [(item.offset and item.offset.i32, item.contents) for item in segments]
    assert listed == [(1030, b"hello"), (None, b"later")]


def test_a_section_that_is_not_there_is_empty() -> None:
    assert Module(b"\0asm\1\0\0\0").functions == ()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a WebAssembly module of version 1"),
        (b"\0asm\x0d\0\1\0", "not a WebAssembly module of version 1"),
        (b"\0asm\1\0\0\0\x0e\0", "unknown section 14"),
        (b"\0asm\1\0\0\0\x01\x05\0", "section of 5 bytes, 1 left"),
        (b"\0asm\1\0\0\0\x01\x01\0\x01\x01\0", "second type section"),
    ],
)
def test_what_is_not_made_of_sections_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(MalformedModule, match=problem):
        Module(data)


@pytest.mark.parametrize(
    ("section", "view", "problem"),
    [
        (b"\x01\x02\x01\x5f", "types", "form 0x5f is not supported"),
        (b"\x01\x02\x00\x00", "types", "1 bytes too many"),
        (b"\x02\x05\x01\x00\x00\x09\x00", "imports", "unknown kind 9"),
        (b"\x04\x04\x01\x70\x10\x00", "tables", "limits of kind 0x10"),
        (b"\x06\x03\x01\x7f\x02", "globals", "2 is not a mutability"),
        (b"\x06\x05\x01\x7f\x00\x10\x00", "globals", "0x10 is not supported in a constant"),
        (b"\x09\x02\x01\x08", "elements", "unknown kind 8 of element segment"),
        (b"\x0a\x02\x01\x05", "bodies", "function of 5 bytes, 0 left"),
        (b"\x0b\x02\x01\x03", "data_segments", "unknown kind 3 of data segment"),
        (b"\x0d\x03\x01\x01\x00", "tags", "unknown tag attribute"),
    ],
)
def test_a_section_that_is_not_well_formed_is_refused(
    section: bytes, view: str, problem: str
) -> None:
    with pytest.raises(MalformedModule, match=problem):
        getattr(Module(b"\0asm\1\0\0\0" + section), view)


def read_everything(data: bytes) -> None:
    module = Module(data)
    for view in ("functions", "tables", "memories", "tags", "data_segments", "bodies"):
        getattr(module, view)
    describe_imports(module)
    function_slots(module)
    global_addresses(module)


def _survives(data: bytes) -> None:
    for read in (read_everything, translate, split_memory):
        with suppress(MalformedModule):
            read(data)


_VALID = [EVERYTHING, *(assemble(module.text) for module in LEGACY_MODULES)]


@given(st.sampled_from(_VALID), st.data())
def test_a_module_that_breaks_off_is_refused_and_nothing_else(
    module: bytes, data: st.DataObject
) -> None:
    _survives(module[: data.draw(st.integers(0, len(module)))])


@given(
    st.sampled_from(_VALID),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_a_module_with_changed_bytes_is_refused_and_nothing_else(
    module: bytes, changes: list[tuple[int, int]]
) -> None:
    changed = bytearray(module)
    for position, value in changes:
        changed[8 + position % (len(changed) - 8)] = value
    _survives(bytes(changed))


@given(st.binary(max_size=200))
@example(b"\x05\x06\x01\x01\xff\xff\x03\xff\xff\xff\xff\x0f")
def test_arbitrary_sections_are_refused_and_nothing_else(sections: bytes) -> None:
    _survives(b"\0asm\1\0\0\0" + sections)
