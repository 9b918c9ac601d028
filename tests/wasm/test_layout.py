"""What a host is told of an interpreter's modules."""

from __future__ import annotations

import pytest
from engines import assemble

from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.layout import (
    describe_imports,
    function_slots,
    global_addresses,
    memory_limits,
    stubbed_functions,
    table_limits,
)
from hermetic_wasm.module import Module
from hermetic_wasm.structure import EXTERNREF, I32, FunctionType

CORE = Module(
    assemble("""
      (module
        (import "env" "JsvArray_Check" (func (param externref) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
        (import "env" "memory" (memory 480 65536))
        (table 1 externref)
        (table $functions (export "__indirect_function_table") 20 funcref)
        (global (export "__stack_pointer") (mut i32) (i32.const 64))
        (global (export "_PyRuntime") i32 (i32.const 2048))
        (global (export "high") i32 (i32.const -16))
        (global (export "big") i64 (i64.const 5))
        (func $one (export "one"))
        (func $two (export "two") (export "alias"))
        (func (export "absent")))
    """)
)


def with_elements(*segments: str) -> Module:
    table = '(table $functions (export "__indirect_function_table") 20 funcref)'
    functions = '(func $one (export "one")) (func $two (export "two")) (func (export "absent"))'
    return Module(assemble(f"(module {table} {functions} {' '.join(segments)})"))


def test_imports_are_described_with_their_types_and_providers() -> None:
    assert describe_imports(CORE) == [
        ("env", "JsvArray_Check", "function", ["externref"], ["i32"], "stub"),
        ("wasi_snapshot_preview1", "proc_exit", "function", ["i32"], [], "host"),
        ("env", "memory", "memory", [], [], "memory"),
    ]


def test_functions_that_the_host_has_not_are_to_be_stubbed() -> None:
    assert stubbed_functions(CORE) == [("JsvArray_Check", FunctionType((EXTERNREF,), (I32,)))]


def test_exported_functions_have_the_slots_of_the_element_segments() -> None:
    core = with_elements("(elem (i32.const 3) $two $one $two)", "(elem declare func $one)")
    assert function_slots(core) == {"one": 4, "two": 3}


def test_slots_that_are_not_constant_are_refused() -> None:
    core = Module(
        assemble("""
          (module (import "env" "__table_base" (global i32)) (table 4 funcref)
            (func $f) (elem (global.get 0) $f))
        """)
    )
    with pytest.raises(MalformedModule, match="constant slots"):
        function_slots(core)


def test_constant_exported_globals_are_addresses() -> None:
    assert global_addresses(CORE) == {"_PyRuntime": 2048, "high": 2**32 - 16}


def test_sizes_are_those_of_the_imported_memory_and_the_function_table() -> None:
    assert memory_limits(CORE) == {"minimum": 480, "maximum": 65536}
    assert table_limits(CORE) == {"minimum": 20, "maximum": None}


def test_a_module_without_a_function_table_is_refused() -> None:
    with pytest.raises(MalformedModule, match="__indirect_function_table"):
        table_limits(Module(assemble("(module)")))
