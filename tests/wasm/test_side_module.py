"""Shared libraries, made ready to be linked by a host."""

from __future__ import annotations

import json
import random

import pytest
from engines import wasmtime_engine
from shared_libraries import extension, shared_library
from wasmtime import Module as CompiledModule

from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.module import Module
from hermetic_wasm.side_description import START_EXPORT, SideModuleDescription
from hermetic_wasm.side_module import prepare_side_module
from hermetic_wasm.structure import SectionId

LIBRARY = """(module
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 2 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $slots i32))
  (import "env" "twice" (func $twice (param i32) (result i32)))
  (import "env" "own" (func $imported_own (result i32)))
  (import "env" "maybe" (func $maybe))
  (import "GOT.mem" "errno" (global $errno (mut i32)))
  (import "GOT.func" "own" (global $own_slot (mut i32)))
  (global $state (mut i32) (i32.const 5))
  (global (export "variable") i32 (i32.const 12))
  (func $own (export "own") (result i32) (i32.const 7))
  (func $pointed (export "pointed"))
  (func $begin (global.set $state (i32.const 6)))
  (start $begin)
  (elem (global.get $slots) func $begin $pointed)
  (data (global.get $base) "abc"))"""


def library(text: str = LIBRARY) -> bytes:
    return shared_library(
        text,
        memory=(16, 2),
        table=(2, 0),
        needed=["libx.so"],
        runtime_paths=["$ORIGIN/x"],
        weak=["maybe"],
    )


def test_sizes_and_needed_libraries_are_those_of_the_dynamic_section() -> None:
    description = prepare_side_module(library()).description

    assert (description.memory_bytes, description.memory_alignment) == (16, 4)
    assert (description.table_elements, description.table_alignment) == (2, 1)
    assert description.needed == ["libx.so"]
    assert description.runtime_paths == ["$ORIGIN/x"]


def test_imports_keep_their_order() -> None:
    description = prepare_side_module(library()).description

    assert description.imports[4:8] == [
        ("env", "twice", "function"),
        ("env", "own", "function"),
        ("env", "maybe", "function"),
        ("GOT.mem", "errno", "global"),
    ]


def test_exported_functions_and_variables_are_placed() -> None:
    description = prepare_side_module(library()).description

    assert description.functions == {"own": None, "pointed": 1}
    assert description.addresses == {"variable": 12}


def test_an_import_that_the_module_exports_itself_is_forwarded() -> None:
    module = prepare_side_module(library())

    assert module.description.forwarded == ["own"]
    assert module.description.trapping == ["maybe"]
    forwarders = Module(module.forwarders)
    assert [item.name for item in forwarders.exports] == ["own", "maybe"]


def test_data_and_start_are_taken_out_and_state_is_exported() -> None:
    module = prepare_side_module(library())
    code = Module(module.code)

    assert {section.id for section in code.sections}.isdisjoint(
        {SectionId.DATA, SectionId.DATA_COUNT, SectionId.START, SectionId.CUSTOM}
    )
    assert module.contents == b"abc"
    assert module.description.data == [(0, 0, 3)]
    assert len(module.description.mutable_globals) == 1
    exported = {item.name for item in code.exports}
    assert {START_EXPORT, *module.description.mutable_globals} <= exported


def test_what_is_made_is_valid() -> None:
    module = prepare_side_module(library())

    CompiledModule(wasmtime_engine(), module.code)
    CompiledModule(wasmtime_engine(), module.forwarders)


def test_a_description_survives_json() -> None:
    description = prepare_side_module(library()).description

    restored = SideModuleDescription.from_json(json.loads(json.dumps(description.to_json())))

    assert restored.functions == description.functions
    assert [tuple(item) for item in restored.imports] == description.imports


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('"memory" (memory 1)', '"other" (memory 1)'), "env.other can't be provided"),
        (("(data (global.get $base)", "(data (i32.const 8)"), "not relative to the memory base"),
        (("(data (global.get $base)", "(data "), "passive"),
        (("(data (global.get $base)", "(data (global.get $slots)"), "memory base"),
        (('"abc"', '"abcdefghijklmnopq"'), "outside the module's memory"),
        (("(elem (global.get $slots)", "(elem (i32.const 0)"), "table base"),
        (("$begin $pointed)", "$begin $pointed $own)"), "outside the module's slots"),
        (("(mut i32) (i32.const 5)", "(mut i64) (i64.const 5)"), None),
        (('"GOT.mem"', '"GOT.other"'), "GOT.other.errno can't be provided"),
        (('(import "env" "maybe"', '(import "js" "maybe"'), "js.maybe can't be provided"),
        (('(export "variable")', '(export "hermetic.start")'), "not for side modules to export"),
        (("(start $begin)", "(table 1 funcref)"), "defines a memory or a table"),
    ],
)
def test_a_shape_that_can_t_be_linked_is_refused(
    change: tuple[str, str], reason: str | None
) -> None:
    text = LIBRARY.replace(*change)
    assert text != LIBRARY
    if reason is None:
        text, reason = text.replace("(global.set $state (i32.const 6))", ""), "not an i32"

    with pytest.raises(MalformedModule, match=reason):
        prepare_side_module(library(text))


@pytest.mark.parametrize(
    "instruction",
    [
        "(table.set (i32.const 0) (ref.null func))",
        "(drop (table.grow (ref.null func) (i32.const 1)))",
        "(table.fill (i32.const 0) (ref.null func) (i32.const 1))",
        "(table.copy (i32.const 0) (i32.const 1) (i32.const 1))",
        "(table.init $passive (i32.const 0) (i32.const 0) (i32.const 1))",
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "(block $b (br_table $b $b (i32.const 0))) {}",
        "(block $b (try_table (catch_all $b) (nop))) {}",
        "(block $b (try_table (catch $e $b) {}))",
    ],
)
def test_code_that_changes_the_function_table_is_refused(instruction: str, around: str) -> None:
    text = f"""(module
      (import "env" "__indirect_function_table" (table 2 funcref))
      (tag $e)
      (func (local i32 i64) {around.format(instruction)})
      (elem $passive func))"""

    with pytest.raises(MalformedModule, match="changes the function table"):
        prepare_side_module(shared_library(text))


@pytest.mark.parametrize(
    "body",
    [
        "(drop (table.get (i32.const 38))) (drop (table.size))",
        "(drop (i32.const 38)) (drop (i64.const 0x2626)) (drop (f64.const 0x1.2626262626262p0))",
        "(block $b (br_table $b $b (i32.const 38))) (block $b (try_table (catch_all $b) (nop)))",
        "(memory.fill (i32.const 38) (i32.const 38) (i32.const 38))",
    ],
)
def test_code_that_only_looks_at_the_function_table_is_taken(body: str) -> None:
    text = f"""(module
      (import "env" "memory" (memory 1))
      (import "env" "__indirect_function_table" (table 2 funcref))
      (func (local i32) {body}))"""

    assert prepare_side_module(shared_library(text)).code


@pytest.mark.parametrize("data", [b"", b"\0asm", b"garbage", b"\0asm\1\0\0\0"])
def test_what_is_no_shared_library_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedModule):
        prepare_side_module(data)


def test_enormous_sizes_are_refused() -> None:
    with pytest.raises(MalformedModule, match="are asked"):
        prepare_side_module(shared_library("(module)", memory=(2**32 - 1, 0)))
    with pytest.raises(MalformedModule, match="alignment"):
        prepare_side_module(shared_library("(module)", memory=(1, 31)))


def test_any_bytes_end_in_a_module_or_in_malformed_module() -> None:
    chooser = random.Random(3)
    for original in (library(), extension("probe")):
        for _ in range(3000):
            data = bytearray(original)
            for _ in range(chooser.randint(1, 4)):
                data[chooser.randrange(8, len(data))] = chooser.randrange(256)
            del data[chooser.randrange(8, 2 * len(data)) :]
            try:
                prepare_side_module(bytes(data))
            except MalformedModule:
                continue
