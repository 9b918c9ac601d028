"""How what the library does fails: errors, and the traps of guests."""

from __future__ import annotations

import ctypes
from enum import IntEnum

from hermetic_runtime.bindings.handles import Vector, take_bytes
from hermetic_runtime.bindings.library import pointer, prototype, size, text

_error_new = prototype("wasmtime_error_new", pointer, text)
_error_message = prototype("wasmtime_error_message", None, pointer, pointer)
_error_delete = prototype("wasmtime_error_delete", None, pointer)
_trap_new = prototype("wasmtime_trap_new", pointer, text, size)
_trap_message = prototype("wasm_trap_message", None, pointer, pointer)
_trap_code = prototype("wasmtime_trap_code", ctypes.c_bool, pointer, pointer)
_trap_delete = prototype("wasm_trap_delete", None, pointer)


class WasmtimeError(Exception):
    """The library refuses what it was asked for. The text is its own."""


class TrapCode(IntEnum):
    """Why core WebAssembly traps (`wasmtime_trap_code_enum`, wasmtime/trap.h)."""

    STACK_OVERFLOW = 0
    MEMORY_OUT_OF_BOUNDS = 1
    HEAP_MISALIGNED = 2
    TABLE_OUT_OF_BOUNDS = 3
    INDIRECT_CALL_TO_NULL = 4
    BAD_SIGNATURE = 5
    INTEGER_OVERFLOW = 6
    INTEGER_DIVISION_BY_ZERO = 7
    BAD_CONVERSION_TO_INTEGER = 8
    UNREACHABLE = 9
    INTERRUPT = 10
    OUT_OF_FUEL = 11
    ATOMIC_WAIT_NON_SHARED_MEMORY = 12
    NULL_REFERENCE = 13
    ARRAY_OUT_OF_BOUNDS = 14
    ALLOCATION_TOO_LARGE = 15
    CAST_FAILURE = 16
    UNCAUGHT_EXCEPTION = 49


_CODES = {int(code): code for code in TrapCode}


class Trap(Exception):
    """A guest trapped. `code` is None where none of `TrapCode` says why."""

    def __init__(self, message: str, code: TrapCode | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def raise_error(error: int | None) -> None:
    """Raise and free what a function of the library returned, unless that is nothing."""
    if error:
        raise take_error(error)


def take_error(error: int) -> WasmtimeError:
    message = Vector()
    _error_message(error, ctypes.byref(message))
    _error_delete(error)
    return WasmtimeError(take_bytes(message).decode("utf-8", "replace"))


def take_trap(trap: int) -> Trap:
    message, code = Vector(), ctypes.c_uint8()
    _trap_message(trap, ctypes.byref(message))
    known = _CODES.get(code.value) if _trap_code(trap, ctypes.byref(code)) else None
    _trap_delete(trap)
    return Trap(take_bytes(message).rstrip(b"\0").decode("utf-8", "replace"), known)


def drop_failure(error: int | None, trap: int | None) -> None:
    """Free what is not to be told."""
    if error:
        _error_delete(error)
    if trap:
        _trap_delete(trap)


def new_error(message: bytes) -> int:
    """For a callback to return to the library, which frees it."""
    return _error_new(message)


def new_trap(message: bytes) -> int:
    """For a callback to return to the library, which frees it."""
    return _trap_new(message, len(message))
