"""Tables of functions."""

from __future__ import annotations

import ctypes

from hermetic_runtime.bindings.failures import WasmtimeError, raise_error
from hermetic_runtime.bindings.handles import (
    FUNCREF,
    Extern,
    Value,
    function_extern,
    function_value,
)
from hermetic_runtime.bindings.instances import GuestFunction
from hermetic_runtime.bindings.library import pointer, prototype
from hermetic_runtime.bindings.stores import GuestStore
from hermetic_runtime.bindings.types import takes_one_i32

_index = ctypes.c_uint64
_table_size = prototype("wasmtime_table_size", _index, pointer, pointer)
_table_grow = prototype("wasmtime_table_grow", pointer, pointer, pointer, _index, pointer, pointer)
_table_get = prototype("wasmtime_table_get", ctypes.c_bool, pointer, pointer, _index, pointer)
_table_set = prototype("wasmtime_table_set", pointer, pointer, pointer, _index, pointer)


def table_size(store: GuestStore, table: Extern) -> int:
    """The present number of slots."""
    return _table_size(store.context, ctypes.byref(table.raw.of.table))


def append_to_table(store: GuestStore, table: Extern, function: Extern) -> int:
    """Grow a table by one slot that holds `function`; the new slot's index.

    Raises `WasmtimeError` when the table cannot grow.
    """
    return _grow(store, table, 1, function_value(function))


def grow_table(store: GuestStore, table: Extern, count: int) -> int:
    """Grow a table by `count` empty slots; the index of the first.

    Raises `WasmtimeError` when the table cannot grow.
    """
    return _grow(store, table, count, Value(FUNCREF))


def _grow(store: GuestStore, table: Extern, count: int, value: Value) -> int:
    previous = ctypes.c_uint64()
    raise_error(
        _table_grow(
            store.context,
            ctypes.byref(table.raw.of.table),
            count,
            ctypes.byref(value),
            ctypes.byref(previous),
        )
    )
    return previous.value


def set_table_slot(store: GuestStore, table: Extern, slot: int, function: Extern) -> None:
    """Raises `WasmtimeError` when there is no such slot."""
    value = function_value(function)
    raise_error(
        _table_set(store.context, ctypes.byref(table.raw.of.table), slot, ctypes.byref(value))
    )


def call_table_function(store: GuestStore, table: Extern, slot: int, argument: int) -> None:
    """Call a table's function of one i32 and no result, its type checked.

    Raises `WasmtimeError` when the slot is empty, outside, or of another type,
    and otherwise what calling a `GuestFunction` does.
    """
    found = Value()
    function = found.of.function
    is_there = _table_get(
        store.context, ctypes.byref(table.raw.of.table), slot, ctypes.byref(found)
    )
    # An empty slot is a function of no store (wasmtime/val.h).
    if not is_there or not function.store or not takes_one_i32(store.context, function):
        raise WasmtimeError(f"table slot {slot} holds no function of one i32")
    GuestFunction(store, function_extern(function))(argument)
