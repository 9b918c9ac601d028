"""i32 globals, whose values are given unsigned."""

from __future__ import annotations

import ctypes

from hermetic_runtime.bindings.failures import raise_error
from hermetic_runtime.bindings.handles import Extern, Global, Value, global_extern, i32_value
from hermetic_runtime.bindings.library import pointer, prototype
from hermetic_runtime.bindings.stores import GuestStore
from hermetic_runtime.bindings.types import GlobalType

_global_new = prototype("wasmtime_global_new", pointer, pointer, pointer, pointer, pointer)
_global_get = prototype("wasmtime_global_get", None, pointer, pointer, pointer)
_global_set = prototype("wasmtime_global_set", pointer, pointer, pointer, pointer)


def new_global(store: GuestStore, value: int, *, mutable: bool) -> Extern:
    """A global of the host's."""
    made, first = Global(), i32_value(value)
    global_type = GlobalType.i32(mutable=mutable).address
    raise_error(_global_new(store.context, global_type, ctypes.byref(first), ctypes.byref(made)))
    return global_extern(made)


def global_value(store: GuestStore, item: Extern) -> int:
    """The present value."""
    value = Value()
    _global_get(store.context, ctypes.byref(item.raw.of.global_), ctypes.byref(value))
    return value.of.i32 & 0xFFFFFFFF


def set_global(store: GuestStore, item: Extern, value: int) -> None:
    """Raises `WasmtimeError` for one that is not mutable."""
    changed = i32_value(value)
    raise_error(
        _global_set(store.context, ctypes.byref(item.raw.of.global_), ctypes.byref(changed))
    )
