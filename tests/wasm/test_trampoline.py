"""Calling functions with another number of arguments than they take."""

from __future__ import annotations

import pytest
import wasmtime
from engines import wasmtime_engine

from hermetic_wasm.images import PYODIDE

SUCCESS = 64
METHODS = """
  (module
    (memory (export "memory") 1)
    (table (export "table") 8 funcref)
    (elem (i32.const 1) $none $one $two $three $four $wide $void)
    (func $none (result i32) i32.const 5)
    (func $one (param i32) (result i32) local.get 0)
    (func $two (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
    (func $three (param i32 i32 i32) (result i32)
      local.get 0 local.get 1 i32.add local.get 2 i32.add)
    (func $four (param i32 i32 i32 i32) (result i32) i32.const 9)
    (func $wide (param i64) (result i32) i32.const 9)
    (func $void (param i32)))
"""
NULL, NONE, ONE, TWO, THREE, FOUR, WIDE, VOID = range(8)


class Trampoline:
    def __init__(self) -> None:
        engine = wasmtime_engine()
        self._store = wasmtime.Store(engine)
        methods = wasmtime.Instance(self._store, wasmtime.Module(engine, METHODS), [])
        exports = methods.exports(self._store)
        memory = exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        self._memory = memory
        module = wasmtime.Module(engine, PYODIDE.trampoline())
        instance = wasmtime.Instance(self._store, module, [memory, exports["table"]])
        call = instance.exports(self._store)["trampoline"]
        assert isinstance(call, wasmtime.Func)
        self._call = call

    def call(self, function: int) -> int:
        return self._call(self._store, SUCCESS, function, 100, 20, 3)

    @property
    def success(self) -> int:
        return self._memory.read(self._store, SUCCESS, SUCCESS + 4)[0]


@pytest.mark.parametrize(("function", "result"), [(NONE, 5), (ONE, 100), (TWO, 120), (THREE, 123)])
def test_a_function_gets_as_many_arguments_as_it_takes(function: int, result: int) -> None:
    trampoline = Trampoline()
    assert trampoline.call(function) == result
    assert trampoline.success == 1


@pytest.mark.parametrize("function", [NULL, FOUR, WIDE, VOID])
def test_a_function_of_another_type_is_not_called_but_flagged(function: int) -> None:
    trampoline = Trampoline()
    trampoline.call(ONE)
    assert trampoline.call(function) == 0
    assert trampoline.success == 0


def test_a_pointer_outside_the_table_traps() -> None:
    with pytest.raises(wasmtime.Trap, match="out of bounds"):
        Trampoline().call(99)
