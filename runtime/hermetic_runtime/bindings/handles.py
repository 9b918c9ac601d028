"""Structures of the C API (wasmtime/extern.h, wasmtime/val.h, wasm.h).

Handles are plain values, valid while their store is open; nothing has to be freed. What is
private to the library is here for its size alone.
"""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

from hermetic_runtime.bindings.library import prototype

I32 = 0
FUNCREF = 5
"""`WASMTIME_I32` and `WASMTIME_FUNCREF`: kinds of a `Value`."""
_FUNCTION, _GLOBAL = 0, 1
"""`WASMTIME_EXTERN_FUNC` and `WASMTIME_EXTERN_GLOBAL`."""


class Function(ctypes.Structure):
    _fields_ = (("store", ctypes.c_uint64), ("private", ctypes.c_void_p))


class Global(ctypes.Structure):
    _fields_ = (("store", ctypes.c_uint64), ("private", ctypes.c_uint32 * 3))


class _InStore(ctypes.Structure):
    _fields_ = (("store", ctypes.c_uint64), ("private", ctypes.c_uint32))


class Table(ctypes.Structure):
    _fields_ = (("first", _InStore), ("private", ctypes.c_uint32))


class Memory(ctypes.Structure):
    _fields_ = (("first", _InStore), ("private", ctypes.c_uint32))


class InstanceHandle(ctypes.Structure):
    _fields_ = (("store", ctypes.c_uint64), ("private", ctypes.c_size_t))


class _ExternUnion(ctypes.Union):
    _fields_ = (
        ("function", Function),
        ("global_", Global),
        ("table", Table),
        ("memory", Memory),
    )


class ExternHandle(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_uint8), ("of", _ExternUnion))


class _ValueUnion(ctypes.Union):
    _fields_ = (
        ("i32", ctypes.c_int32),
        ("function", Function),
        ("reference", ctypes.c_uint64 * 3),
    )


class Value(ctypes.Structure):
    """A value with its kind, for the parts of the API that check it."""

    _fields_ = (("kind", ctypes.c_uint8), ("of", _ValueUnion))


class RawValue(ctypes.Union):
    """A value without its kind: as `Signature` says what it is, little-endian."""

    _fields_ = (("i32", ctypes.c_int32), ("i64", ctypes.c_int64), ("v128", ctypes.c_uint8 * 16))


class Vector(ctypes.Structure):
    """`wasm_byte_vec_t`, and vectors of pointers, which are alike."""

    _fields_ = (("size", ctypes.c_size_t), ("data", ctypes.c_void_p))


EXTERN_BYTES = ctypes.sizeof(ExternHandle)
_delete_bytes = prototype("wasm_byte_vec_delete", None, ctypes.c_void_p)


class Extern(NamedTuple):
    """An item that an instance exports or imports."""

    raw: Any

    @property
    def is_function(self) -> bool:
        return self.raw.kind == _FUNCTION


def function_extern(function: Function) -> Extern:
    return Extern(ExternHandle(_FUNCTION, _ExternUnion(function=function)))


def global_extern(item: Global) -> Extern:
    return Extern(ExternHandle(_GLOBAL, _ExternUnion(global_=item)))


def i32_value(value: int) -> Value:
    """Of a number that is given signed or unsigned."""
    return Value(I32, _ValueUnion(i32=value))


def function_value(function: Extern) -> Value:
    """Raises `TypeError` when the item is no function."""
    if not function.is_function:
        raise TypeError("only functions have slots in a table")
    return Value(FUNCREF, _ValueUnion(function=function.raw.of.function))


def take_bytes(vector: Vector) -> bytes:
    """What the library put into a vector, which is freed."""
    try:
        return ctypes.string_at(vector.data, vector.size) if vector.size else b""
    finally:
        _delete_bytes(ctypes.byref(vector))
