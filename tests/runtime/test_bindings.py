"""Our declarations of wasmtime's C API against those of its own package, which are generated
from the headers of the same version; and how what we bind fails.
"""

from __future__ import annotations

import ctypes
import gc
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from wasmtime import _bindings as generated  # pyright: ignore[reportPrivateUsage]

import hermetic_runtime.bindings
from hermetic_runtime.bindings import (
    Config,
    Engine,
    GuestStore,
    HostFunctions,
    Module,
    Trap,
    TrapCode,
    WasmtimeError,
    append_to_table,
    call_table_function,
    global_value,
    grow_memory,
    grow_table,
    instantiate,
    memory_bytes,
    new_global,
    set_global,
    set_table_slot,
    table_size,
)
from hermetic_runtime.bindings.handles import (
    ExternHandle,
    Function,
    Global,
    InstanceHandle,
    Memory,
    RawValue,
    Table,
    Value,
    Vector,
)
from hermetic_runtime.compilation import Metering
from hermetic_runtime.engine import create_engine, load_module
from hermetic_runtime.signatures import Signature

_STRUCTURES = {
    "wasmtime_func_t": Function,
    "wasmtime_global_t": Global,
    "wasmtime_table_t": Table,
    "wasmtime_memory_t": Memory,
    "wasmtime_instance_t": InstanceHandle,
    "wasmtime_extern_t": ExternHandle,
    "wasmtime_val_t": Value,
    "wasmtime_val_raw_t": RawValue,
    "wasm_byte_vec_t": Vector,
    "wasm_valtype_vec_t": Vector,
    "wasm_exporttype_vec_t": Vector,
}


def _declared() -> Iterator[tuple[str, Any]]:
    """The functions of the library that our modules have declared."""
    package = hermetic_runtime.bindings
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for value in vars(import_module(info.name)).values():
            for function in value.values() if isinstance(value, dict) else (value,):
                name = getattr(function, "__name__", "")
                if hasattr(function, "argtypes") and name.startswith("wasm"):
                    yield name, function


_DECLARED = dict(_declared())


def _sizes(types: Any) -> list[int]:
    return [ctypes.sizeof(each) for each in types if each is not None]


def _offset(structure: Any, field: str) -> int:
    return getattr(structure, field).offset


@pytest.mark.parametrize("name", sorted(_DECLARED))
def test_a_function_is_declared_as_in_the_package(name: str) -> None:
    ours, theirs = _DECLARED[name], getattr(generated, f"_{name}")
    assert _sizes(ours.argtypes) == _sizes(theirs.argtypes)
    assert _sizes([ours.restype]) == _sizes([theirs.restype])


def test_all_that_is_called_is_declared() -> None:
    assert len(_DECLARED) > 60


@pytest.mark.parametrize("name", _STRUCTURES)
def test_a_structure_is_laid_out_as_in_the_package(name: str) -> None:
    ours, theirs = _STRUCTURES[name], getattr(generated, name)
    assert ctypes.sizeof(ours) == ctypes.sizeof(theirs)
    assert ctypes.alignment(ours) == ctypes.alignment(theirs)


def test_the_parts_that_are_looked_into_are_where_they_are_in_the_package() -> None:
    assert ExternHandle.of.offset == _offset(generated.wasmtime_extern_t, "of")
    assert Value.of.offset == _offset(generated.wasmtime_val_t, "of")
    assert Vector.data.offset == _offset(generated.wasm_byte_vec_t, "data")
    assert Function.store.offset == _offset(generated.wasmtime_func_t, "store_id")
    assert Table.private.offset == _offset(generated.wasmtime_table_t, "__private2")
    assert Memory.private.offset == _offset(generated.wasmtime_memory_t, "__private2")


def test_trap_codes_are_those_of_the_package() -> None:
    theirs = {code.name: code.value for code in wasmtime.TrapCode}
    assert {code.name: theirs[code.name] for code in TrapCode} == {
        code.name: code.value for code in TrapCode
    }


@pytest.fixture(scope="module")
def engine() -> Engine:
    return create_engine(Metering.NONE)


@pytest.fixture
def store(engine: Engine) -> Iterator[GuestStore]:
    store = GuestStore(engine)
    yield store
    store.close()


def _instance(store: GuestStore, engine: Engine, text: str) -> Any:
    return instantiate(store, Module.compile(engine, text), [])


def test_what_is_no_module_is_refused_in_the_words_of_the_library(engine: Engine) -> None:
    with pytest.raises(WasmtimeError, match="magic"):
        Module.compile(engine, b"\0nothing")
    with pytest.raises(WasmtimeError, match="expected"):
        Module.compile(engine, "(mod")


def test_compiled_code_that_is_damaged_is_refused(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "module.cwasm"
    with pytest.raises(WasmtimeError):
        load_module(engine, path)
    path.write_bytes(b"\0" * 100)
    with pytest.raises(WasmtimeError):
        load_module(engine, path)


def test_a_module_is_mapped_from_what_it_was_written_to(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "módulo.cwasm"
    path.write_bytes(Module.compile(engine, '(module (memory (export "m") 3))').serialize())
    assert load_module(engine, path).memory_bytes() == 3 * 65536


@pytest.mark.parametrize(
    "text",
    ["(module)", '(module (func (export "f")))', '(module (memory 1) (func (export "f")))'],
)
def test_a_module_without_a_memory_of_its_own_says_so(engine: Engine, text: str) -> None:
    with pytest.raises(ValueError, match="no memory"):
        Module.compile(engine, text).memory_bytes()


def test_a_trap_says_why(store: GuestStore, engine: Engine) -> None:
    text = """(module (func (export "stop") unreachable)
        (func $deeper (export "recurse") (call $deeper) (call $deeper)))"""
    instance = _instance(store, engine, text)
    with pytest.raises(Trap, match="unreachable") as stopped:
        instance.function("stop")()
    assert stopped.value.code is TrapCode.UNREACHABLE


def test_what_a_host_function_raises_comes_out_of_the_call(engine: Engine) -> None:
    def refuse(_value: int) -> int:
        raise LookupError("not here")

    signature = Signature("l", "i")
    functions = HostFunctions(engine, [("env", "refuse")], [signature])
    store = GuestStore(engine)
    store.functions = [refuse]
    memory = _instance(store, engine, '(module (memory (export "memory") 1))').export("memory")
    text = """(module (import "env" "refuse" (func $refuse (param i64) (result i32)))
        (func (export "go") (result i32) (call $refuse (i64.const -5))))"""
    instance = functions.instantiate(store, Module.compile(engine, text), memory)
    with pytest.raises(LookupError, match="not here"):
        instance.function("go")()
    assert store.pending is None
    store.functions = [lambda value: value + 1]
    assert instance.function("go")() == 2**32 - 4
    store.close()


def test_an_import_of_another_type_is_refused(store: GuestStore, engine: Engine) -> None:
    text = '(module (import "env" "size" (global (mut i64))))'
    with pytest.raises(WasmtimeError, match="incompatible"):
        instantiate(store, Module.compile(engine, text), [new_global(store, 1, mutable=True)])


def test_globals_are_unsigned(store: GuestStore) -> None:
    item = new_global(store, 2**32 - 1, mutable=True)
    assert global_value(store, item) == 2**32 - 1
    set_global(store, item, 2**31)
    assert global_value(store, item) == 2**31
    with pytest.raises(WasmtimeError, match="immutable"):
        set_global(store, new_global(store, 1, mutable=False), 2)


def test_only_functions_of_one_i32_are_called_from_a_table(
    store: GuestStore, engine: Engine
) -> None:
    instance = _instance(
        store,
        engine,
        """(module (global $given (export "given") (mut i32) (i32.const 0))
          (table (export "table") 6 funcref)
          (elem (i32.const 1) $take $none $long $gives)
          (func $take (export "take") (param i32) (global.set $given (local.get 0)))
          (func $none) (func $long (param i64))
          (func $gives (param i32) (result i32) (local.get 0)))""",
    )
    table = instance.export("table")
    call_table_function(store, table, 1, 77)
    assert instance.global_value("given") == 77
    for slot in (0, 2, 3, 4, 5, 6, 2**31):
        with pytest.raises(WasmtimeError, match=f"table slot {slot} holds no function"):
            call_table_function(store, table, slot, 1)
    assert append_to_table(store, table, instance.export("take")) == 6
    assert grow_table(store, table, 3) == 7
    assert table_size(store, table) == 10
    set_table_slot(store, table, 9, instance.export("take"))
    call_table_function(store, table, 9, 78)
    assert instance.global_value("given") == 78
    with pytest.raises(WasmtimeError):
        set_table_slot(store, table, 10, instance.export("take"))
    with pytest.raises(TypeError):
        append_to_table(store, table, table)


def test_memory_grows_to_the_limit_of_the_store_and_no_further(engine: Engine) -> None:
    store = GuestStore(engine)
    store.set_limits(memory_bytes=3 * 65536, table_elements=10, memories=1)
    memory = _instance(store, engine, '(module (memory (export "memory") 1))').export("memory")
    assert grow_memory(store, memory, 2)
    assert not grow_memory(store, memory, 1)
    view = memory_bytes(store, memory)
    view[-1] = 9
    assert len(view) == 3 * 65536
    del view
    store.close()


def test_fuel_is_for_engines_that_count_it(store: GuestStore) -> None:
    with pytest.raises(WasmtimeError, match="fuel"):
        store.set_fuel(5)
    counting = GuestStore(create_engine(Metering.FUEL))
    counting.set_fuel(5)
    assert counting.get_fuel() == 5


def test_what_is_closed_is_not_used_again(engine: Engine) -> None:
    store, module = GuestStore(engine), Module.compile(engine, "(module)")
    for closed in (store, module):
        closed.close()
        closed.close()
    with pytest.raises(ValueError, match="closed"):
        new_global(store, 1, mutable=True)
    with pytest.raises(ValueError, match="closed"):
        instantiate(GuestStore(engine), module, [])
    config = Config()
    Engine(config)
    with pytest.raises(ValueError, match="closed"):
        config.set("wasm_gc", True)


def test_a_store_outlives_what_it_was_made_of() -> None:
    engine = create_engine(Metering.NONE)
    store = GuestStore(engine)
    text = '(module (func (export "one") (result i32) (i32.const 1)))'
    one = _instance(store, engine, text).function("one")
    del engine
    gc.collect()
    assert one() == 1
    store.close()
