"""Linear memory as the host sees it."""

from __future__ import annotations

import ctypes

from hermetic_runtime.bindings.failures import drop_failure
from hermetic_runtime.bindings.handles import Extern
from hermetic_runtime.bindings.library import pointer, prototype, size
from hermetic_runtime.bindings.stores import GuestStore

_memory_data = prototype("wasmtime_memory_data", pointer, pointer, pointer)
_memory_data_size = prototype("wasmtime_memory_data_size", size, pointer, pointer)
_memory_grow = prototype(
    "wasmtime_memory_grow", pointer, pointer, pointer, ctypes.c_uint64, pointer
)
_view = ctypes.pythonapi.PyMemoryView_FromMemory
_view.restype = ctypes.py_object
_view.argtypes = (pointer, ctypes.c_ssize_t, ctypes.c_int)
_WRITABLE = 0x200
"""PyBUF_WRITE, CPython Include/cpython/object.h."""


def memory_bytes(store: GuestStore, memory: Extern) -> memoryview:
    """The whole linear memory as it is now, writable.

    The view must be dropped when the memory grows and before the store is closed:
    it is a bare address, and nothing else keeps the memory there.
    """
    context, raw = store.context, ctypes.byref(memory.raw.of.memory)
    return _view(_memory_data(context, raw), _memory_data_size(context, raw), _WRITABLE)


def grow_memory(store: GuestStore, memory: Extern, pages: int) -> bool:
    """Grow by `pages` of 64 KiB. False when the memory's or the store's limit forbids it."""
    previous = ctypes.c_uint64()
    error = _memory_grow(
        store.context, ctypes.byref(memory.raw.of.memory), pages, ctypes.byref(previous)
    )
    drop_failure(error, None)
    return not error
