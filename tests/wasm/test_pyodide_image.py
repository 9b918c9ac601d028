"""The image as it was built: that its modules fit each other and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import wasmtime
from engines import wasmtime_engine

from hermetic_wasm.control_flow import may_change_tables
from hermetic_wasm.images import PYODIDE
from hermetic_wasm.module import Module
from hermetic_wasm.structure import ExternKind


@dataclass
class RunningImage:
    store: wasmtime.Store
    exports: Any
    calls: list[str]


@pytest.fixture(scope="module")
def running() -> RunningImage:
    """The core over the memory module, with host functions that do nothing."""
    engine = wasmtime_engine()
    store = wasmtime.Store(engine)
    calls: list[str] = []

    def instantiate(name: str, imports: list[Any]) -> Any:
        module = wasmtime.Module(engine, PYODIDE.read(name))
        return wasmtime.Instance(store, module, imports).exports(store)

    def host_function(name: str, parameters: list[str], results: list[str]) -> wasmtime.Func:
        def call(*_arguments: object) -> int | None:
            calls.append(name)
            return 0 if results else None

        called = wasmtime.FuncType(_value_types(parameters), _value_types(results))
        return wasmtime.Func(store, called, call)

    memory = instantiate("memory.wasm", [])["memory"]
    stubs = instantiate("stubs.wasm", [host_function("unavailable", ["i32"], [])])
    imports: list[Any] = []
    for _, name, _, parameters, results, provider in PYODIDE.layout()["imports"]:
        if provider == "memory":
            imports.append(memory)
        elif provider == "stub":
            imports.append(stubs[name])
        else:
            imports.append(host_function(name, parameters, results))
    return RunningImage(store, instantiate("core.wasm", imports), calls)


def _value_types(names: list[str]) -> list[wasmtime.ValType]:
    return [getattr(wasmtime.ValType, name)() for name in names]


def test_the_core_starts_over_the_memory_module(running: RunningImage) -> None:
    running.exports["__wasm_call_ctors"](running.store)
    assert "environ_sizes_get" in running.calls
    assert running.exports["emscripten_stack_get_base"](running.store) > 0


def test_every_global_that_holds_state_is_exported(running: RunningImage) -> None:
    layout = PYODIDE.layout()
    values = [running.exports[name] for name in layout["mutable_globals"]]
    assert len(values) == 4
    assert all(value.type(running.store).mutable for value in values)


def test_the_table_is_as_large_as_stated(running: RunningImage) -> None:
    table = running.exports["__indirect_function_table"]
    assert table.size(running.store) == PYODIDE.layout()["table"]["minimum"]


def test_functions_are_in_the_slots_stated(running: RunningImage) -> None:
    table = running.exports["__indirect_function_table"]
    slots = PYODIDE.symbols()["function_slots"]
    assert table.get(running.store, slots["sqrt"])(running.store, 49.0) == 7.0
    assert table.get(running.store, slots["pow"])(running.store, 2.0, 10.0) == 1024.0


def test_addresses_are_the_values_of_the_exported_globals(running: RunningImage) -> None:
    addresses = PYODIDE.symbols()["global_addresses"]
    for name in ("_PyRuntime", "_PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET", "PyExc_ValueError"):
        assert running.exports[name].value(running.store) == addresses[name]


def test_stubs_are_numbered_as_stated() -> None:
    stubs = Module(PYODIDE.read("stubs.wasm"))
    assert [export.name for export in stubs.exports] == PYODIDE.layout()["stubs"]


def test_the_bridge_to_javascript_is_stubbed_and_system_calls_are_not() -> None:
    providers = {name: provider for _, name, *_, provider in PYODIDE.layout()["imports"]}
    assert providers["JsvArray_New"] == "stub"
    assert providers["__syscall_openat"] == "host"
    assert providers["memory"] == "memory"


def test_the_core_changes_no_table_but_those_of_references_to_javascript() -> None:
    core = Module(PYODIDE.read("core.wasm"))
    imported = len([*core.imported(ExternKind.FUNCTION)])
    changing = {
        imported + number
        for number, (start, end) in enumerate(core.bodies)
        if may_change_tables(core.data, start, end)
    }

    assert {item.name for item in core.exports if item.index in changing} == {
        "_hiwire_delete",
        "_hiwire_immortal_add",
        "_hiwire_immortal_table_init",
        "_hiwire_set",
    }
    assert len(changing) == 4
