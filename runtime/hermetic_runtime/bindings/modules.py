"""Modules: compiled, written to files, and mapped from there."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from hermetic_runtime.bindings.engines import Engine
from hermetic_runtime.bindings.failures import raise_error
from hermetic_runtime.bindings.handles import Vector, take_bytes
from hermetic_runtime.bindings.library import pointer, prototype, size, text
from hermetic_runtime.bindings.owned import Owned

_wat_to_wasm = prototype("wasmtime_wat2wasm", pointer, text, size, pointer)
_module_new = prototype("wasmtime_module_new", pointer, pointer, text, size, pointer)
_module_delete = prototype("wasmtime_module_delete", None, pointer)
_serialize = prototype("wasmtime_module_serialize", pointer, pointer, pointer)
_map_file = prototype("wasmtime_module_deserialize_file", pointer, pointer, text, pointer)
_exports = prototype("wasmtime_module_exports", None, pointer, pointer)
_delete_exports = prototype("wasm_exporttype_vec_delete", None, pointer)
_type_of_export = prototype("wasm_exporttype_type", pointer, pointer)
_as_memory_type = prototype("wasm_externtype_as_memorytype_const", pointer, pointer)
_memory_minimum = prototype("wasmtime_memorytype_minimum", ctypes.c_uint64, pointer)
_memory_page_size = prototype("wasmtime_memorytype_page_size", ctypes.c_uint64, pointer)


class Module(Owned):
    """Native code of a module, for stores of its engine."""

    __slots__ = ()
    _delete = _module_delete

    @classmethod
    def compile(cls, engine: Engine, source: bytes | str) -> Module:
        """From the binary format, or text. Raises `WasmtimeError`."""
        binary = _assemble(source) if isinstance(source, str) else source
        module = pointer()
        raise_error(_module_new(engine.address, binary, len(binary), ctypes.byref(module)))
        return cls(_address(module))

    @classmethod
    def map_file(cls, engine: Engine, path: Path) -> Module:
        """From what `serialize` gave. That is native code, and believed. Raises `WasmtimeError`
        where it does not fit the engine, or can't be read.
        """
        module = pointer()
        raise_error(_map_file(engine.address, os.fsencode(path), ctypes.byref(module)))
        return cls(_address(module))

    def serialize(self) -> bytes:
        serialized = Vector()
        raise_error(_serialize(self.address, ctypes.byref(serialized)))
        return take_bytes(serialized)

    def memory_bytes(self) -> int:
        """The first size of the memory that is all it exports. Raises `ValueError` where it
        exports anything else.
        """
        exports = Vector()
        _exports(self.address, ctypes.byref(exports))
        try:
            types = (pointer * exports.size).from_address(exports.data) if exports.size else ()
            found = [_as_memory_type(_type_of_export(each)) for each in types]
            if len(found) != 1 or not found[0]:
                raise ValueError("it holds no memory")
            return _memory_minimum(found[0]) * _memory_page_size(found[0])
        finally:
            _delete_exports(ctypes.byref(exports))


def _assemble(source: str) -> bytes:
    encoded, binary = source.encode(), Vector()
    raise_error(_wat_to_wasm(encoded, len(encoded), ctypes.byref(binary)))
    return take_bytes(binary)


def _address(module: ctypes.c_void_p) -> int:
    assert module.value is not None
    return module.value
