"""Instances of modules, and what is in them to call."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence

from hermetic_runtime.bindings.globals import global_value, set_global
from hermetic_runtime.bindings.handles import (
    EXTERN_BYTES,
    Extern,
    ExternHandle,
    InstanceHandle,
    RawValue,
)
from hermetic_runtime.bindings.library import pointer, prototype, size, text
from hermetic_runtime.bindings.modules import Module
from hermetic_runtime.bindings.stores import GuestStore, running

_instance_new = prototype(
    "wasmtime_instance_new", pointer, pointer, pointer, pointer, size, pointer, pointer
)
_export_get = prototype(
    "wasmtime_instance_export_get", ctypes.c_bool, pointer, pointer, text, size, pointer
)
_function_call = prototype(
    "wasmtime_func_call_unchecked", pointer, pointer, pointer, pointer, size, pointer
)


class ImportSlots:
    """The imports of one instantiation, by their place among what a module declares.

    Filled in place, because a Python object for each of some hundred imports would cost
    more than the instantiation. Every slot must be filled.
    """

    __slots__ = ("_base", "array", "count")

    def __init__(self, count: int) -> None:
        self.count = count
        self.array = (ExternHandle * count)()
        self._base = ctypes.addressof(self.array)

    def __setitem__(self, slot: int, extern: Extern) -> None:
        self.array[slot] = extern.raw

    def address(self, slot: int) -> int:
        """Where the library may write an extern."""
        return self._base + slot * EXTERN_BYTES


def instantiate(
    store: GuestStore, module: Module, imports: Sequence[Extern] | ImportSlots
) -> Instance:
    """Instantiate `module` with `imports` in the order in which it declares them.

    Raises `WasmtimeError` when an import is of the wrong type, and `Trap` when the
    module's start traps.
    """
    if isinstance(imports, ImportSlots):
        externs, count = imports.array, imports.count
    else:
        count = len(imports)
        externs = (ExternHandle * count)(*(item.raw for item in imports))
    raw, trap = InstanceHandle(), pointer()
    error = _instance_new(
        store.context, module.address, externs, count, ctypes.byref(raw), ctypes.byref(trap)
    )
    store.raise_failure(error, trap.value)
    return Instance(store, raw)


class Instance:
    """A module instance; exports are looked up one by one."""

    __slots__ = ("_raw", "_store")

    def __init__(self, store: GuestStore, raw: InstanceHandle) -> None:
        self._store = store
        self._raw = raw

    @property
    def address(self) -> int:
        """Where the library's handle is, as long as this object lives."""
        return ctypes.addressof(self._raw)

    def export(self, name: str) -> Extern:
        """Raises `KeyError` when there is no such export."""
        item = ExternHandle()
        if not self._find(name, ctypes.addressof(item)):
            raise KeyError(name)
        return Extern(item)

    def find_into(self, imports: ImportSlots, slot: int, name: str) -> bool:
        """Put an export into a slot. False when there is no such export."""
        return self._find(name, imports.address(slot))

    def export_into(self, imports: ImportSlots, slots: Mapping[bytes, int]) -> None:
        """Put exports, by their names, into slots. Raises `KeyError` when one is missing."""
        context, instance = self._store.context, self.address
        for name, slot in slots.items():
            if not _export_get(context, instance, name, len(name), imports.address(slot)):
                raise KeyError(name)

    def _find(self, name: str, into: int) -> bool:
        encoded = name.encode()
        return _export_get(self._store.context, self.address, encoded, len(encoded), into)

    def function(self, name: str) -> GuestFunction:
        return GuestFunction(self._store, self.export(name))

    def find_function(self, name: str) -> GuestFunction | None:
        """None when there is no export of that name, or it is no function."""
        try:
            item = self.export(name)
        except KeyError:
            return None
        return GuestFunction(self._store, item) if item.is_function else None

    def global_value(self, name: str) -> int:
        """The present value of an exported i32 global, unsigned."""
        return global_value(self._store, self.export(name))

    def set_global(self, name: str, value: int) -> None:
        """Set an exported mutable i32 global, given unsigned."""
        set_global(self._store, self.export(name), value)


class GuestFunction:
    """A function whose parameters and result are all i32. Its type is not checked."""

    __slots__ = ("_extern", "_function", "_store")

    def __init__(self, store: GuestStore, extern: Extern) -> None:
        self._store = store
        self._extern = extern
        self._function = extern.raw.of.function

    def __call__(self, *arguments: int) -> int:
        """Call with i32 arguments; the result, unsigned, or an unspecified number if none.

        Raises `Trap` when the guest traps, and whatever a host function raised.
        """
        count = max(1, len(arguments))
        values = (RawValue * count)()
        for value, argument in zip(values, arguments, strict=False):
            value.i64 = argument & 0xFFFFFFFF
        trap = pointer()
        store = self._store
        previous, running.store = getattr(running, "store", store), store
        error = _function_call(
            store.context, ctypes.byref(self._function), values, count, ctypes.byref(trap)
        )
        running.store = previous
        store.raise_failure(error, trap.value)
        return values[0].i32 & 0xFFFFFFFF
