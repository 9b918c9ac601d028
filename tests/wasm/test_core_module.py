"""The main module, cut into code that is shared and memory that is not."""

from __future__ import annotations

import pytest
import wasmtime
from engines import assemble, wasmtime_engine

from hermetic_wasm.core_module import split_memory
from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.module import Module
from hermetic_wasm.structure import ExternKind, Limits, MemoryType

MAIN = assemble("""
  (module
    (import "env" "call" (func $call (param i32)))
    (import "GOT.func" "first" (global $first (mut i32)))
    (import "GOT.func" "second" (global (mut i32)))
    (memory (export "memory") 2 5)
    (global $stack (export "__stack_pointer") (mut i32) (i32.const 4096))
    (global $address (export "address") i32 (i32.const 1030))
    (global $hidden (mut i32) (i32.const 7))
    (data (i32.const 1024) "\\00\\00hello")
    (data (i32.const 70000) "end\\00\\00")
    (func (export "read") (param i32) (result i32) local.get 0 i32.load8_u)
    (func (export "got") (result i32) global.get $first)
    (func (export "hidden") (result i32)
      global.get $hidden i32.const 1 i32.add global.set $hidden global.get $hidden))
""")


class Instance:
    """A split main module over its memory module, running."""

    def __init__(self, main: bytes) -> None:
        split = split_memory(main)
        engine = wasmtime_engine()
        self._store = wasmtime.Store(engine)
        memory = wasmtime.Instance(self._store, wasmtime.Module(engine, split.memory), [])
        called = wasmtime.FuncType([wasmtime.ValType.i32()], [])
        imports = [
            wasmtime.Func(self._store, called, lambda _: None),
            memory.exports(self._store)["memory"],
        ]
        core = wasmtime.Instance(self._store, wasmtime.Module(engine, split.core), imports)
        self._exports = core.exports(self._store)

    def call(self, name: str, *arguments: int) -> int:
        function = self._exports[name]
        assert isinstance(function, wasmtime.Func)
        return function(self._store, *arguments)

    def value(self, name: str) -> int:
        exported = self._exports[name]
        assert isinstance(exported, wasmtime.Global)
        return exported.value(self._store)


def test_the_core_reads_the_initial_memory_of_the_memory_module() -> None:
    instance = Instance(MAIN)
    addresses = (1024, 1026, 70002, 70003)
    assert [instance.call("read", address) for address in addresses] == [0, ord("h"), ord("d"), 0]


def test_the_memory_is_imported_with_the_limits_that_it_had() -> None:
    imported = Module(split_memory(MAIN).core).imports[-1]
    assert (imported.module, imported.name) == ("env", "memory")
    assert imported.type == MemoryType(Limits(2, 5, 1))


def test_the_memory_module_holds_one_segment_without_zeros_around_it() -> None:
    (segment,) = Module(split_memory(MAIN).memory).data_segments
    assert segment.offset is not None and segment.offset.i32 == 1026
    assert segment.contents.startswith(b"hello\0") and segment.contents.endswith(b"\0end")


def test_later_data_segments_overwrite_earlier_ones() -> None:
    main = assemble("""
      (module (memory 1) (data (i32.const 8) "abcdef") (data (i32.const 10) "XY"))
    """)
    (segment,) = Module(split_memory(main).memory).data_segments
    assert segment.contents == b"abXYef"


def test_a_module_without_data_has_an_empty_initial_memory() -> None:
    (segment,) = Module(split_memory(assemble("(module (memory 1))")).memory).data_segments
    assert segment.contents == b""


def test_function_offsets_become_globals_that_hold_a_null_function() -> None:
    core = Module(split_memory(MAIN).core)
    assert not any(core.imported(ExternKind.GLOBAL))
    assert Instance(MAIN).call("got") == 0


def test_every_mutable_global_is_exported() -> None:
    assert split_memory(MAIN).mutable_globals == ("__stack_pointer", "__mutable_global_4")


def test_an_exported_mutable_global_is_the_one_that_code_uses() -> None:
    instance = Instance(MAIN)
    instance.call("hidden")
    assert instance.value("__mutable_global_4") == 8
    assert instance.value("__stack_pointer") == 4096


def test_custom_sections_are_dropped() -> None:
    core = split_memory(assemble('(module (@custom "note" "hello") (memory 1))')).core
    assert b"hello" not in core


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("(module)", "does not define exactly one memory"),
        ('(module (import "env" "memory" (memory 1)))', "does not define exactly one memory"),
        (
            '(module (import "env" "__memory_base" (global i32)) (memory 1))',
            "global env.__memory_base can't be provided",
        ),
        (
            '(module (import "GOT.func" "f" (global (mut i64))) (memory 1))',
            "global GOT.func.f can't be provided",
        ),
        (
            '(module (import "env" "table" (table 0 funcref)) (memory 1))',
            "table env.table is imported",
        ),
        ('(module (memory 1) (data "passive"))', "data segment 0 has no constant address"),
        ('(module (memory 1) (data (i32.const 65535) "ab"))', "reach to address 65537"),
        (
            '(module (memory 1) (data $d (i32.const 0) "ab") (func data.drop $d))',
            "memory.init or data.drop names a data segment",
        ),
        (
            """(module (memory 1) (data $d (i32.const 0) "ab")
                 (func i32.const 0 i32.const 0 i32.const 0 memory.init $d))""",
            "memory.init or data.drop names a data segment",
        ),
    ],
)
def test_a_module_of_another_shape_is_refused(text: str, problem: str) -> None:
    with pytest.raises(MalformedModule, match=problem):
        split_memory(assemble(text))


def test_a_constant_that_looks_like_a_use_of_data_is_no_reason_to_refuse() -> None:
    text = "(module (memory 1) (func (result i64) i64.const 1148))"
    main = assemble(text)
    assert b"\xfc\x08" in main
    split_memory(main)


def test_functions_are_exported_under_the_names_asked_for() -> None:
    exports = Module(split_memory(MAIN, functions={"reading": 1}).core).exports

    assert [item.index for item in exports if item.name in ("read", "reading")] == [1, 1]


def test_bytes_of_the_initial_memory_are_replaced_and_filled_up() -> None:
    memory = split_memory(MAIN, replaced={b"hello": b"hi"}).memory

    assert b"hi\0\0\0" in memory
    assert b"hello" not in memory


@pytest.mark.parametrize(
    ("replaced", "problem"),
    [
        ({b"absent": b""}, "occurs 0 times"),
        ({b"l": b""}, "occurs 2 times"),
        ({b"he": b"hey"}, "does not fit"),
    ],
)
def test_bytes_that_do_not_occur_once_or_get_longer_are_refused(
    replaced: dict[bytes, bytes], problem: str
) -> None:
    with pytest.raises(MalformedModule, match=problem):
        split_memory(MAIN, replaced=replaced)


@pytest.mark.parametrize(("name", "index"), [("read", 1), ("new", 99)])
def test_a_function_that_is_exported_already_or_does_not_exist_is_refused(
    name: str, index: int
) -> None:
    with pytest.raises(MalformedModule):
        split_memory(MAIN, functions={name: index})
