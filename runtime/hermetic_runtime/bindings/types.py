"""Types that functions and globals are made of, for the library."""

from __future__ import annotations

import ctypes
from contextlib import closing
from functools import cache

from hermetic_runtime.bindings.handles import Function, Vector
from hermetic_runtime.bindings.library import pointer, prototype, size
from hermetic_runtime.bindings.owned import Owned
from hermetic_runtime.signatures import Signature

_I32, _I64, _F64 = 0, 1, 3
_KINDS = {"i": _I32, "p": _I32, "l": _I64, "d": _F64}
"""`wasm_valkind_t` (wasm.h), by the letters of a `Signature`."""

_value_type_new = prototype("wasm_valtype_new", pointer, ctypes.c_uint8)
_value_type_kind = prototype("wasm_valtype_kind", ctypes.c_uint8, pointer)
_value_types_new = prototype("wasm_valtype_vec_new", None, pointer, size, pointer)
_function_type_new = prototype("wasm_functype_new", pointer, pointer, pointer)
_function_type_delete = prototype("wasm_functype_delete", None, pointer)
_function_type_of = prototype("wasmtime_func_type", pointer, pointer, pointer)
_parameters = prototype("wasm_functype_params", pointer, pointer)
_results = prototype("wasm_functype_results", pointer, pointer)
_global_type_new = prototype("wasm_globaltype_new", pointer, pointer, ctypes.c_uint8)
_global_type_delete = prototype("wasm_globaltype_delete", None, pointer)


class FunctionType(Owned):
    """The type of functions of one signature."""

    __slots__ = ()
    _delete = _function_type_delete

    @classmethod
    def of(cls, signature: Signature) -> FunctionType:
        parameters, results = _vector(signature.parameters), _vector(signature.result)
        return cls(_function_type_new(ctypes.byref(parameters), ctypes.byref(results)))


def takes_one_i32(context: int, function: Function) -> bool:
    """Whether a function is of one i32, and gives nothing."""
    with closing(FunctionType(_function_type_of(context, ctypes.byref(function)))) as its_type:
        address = its_type.address
        return _kinds(_parameters(address)) == [_I32] and not _kinds(_results(address))


class GlobalType(Owned):
    """The type of globals, made once for all stores."""

    __slots__ = ()
    _delete = _global_type_delete

    @staticmethod
    @cache
    def i32(*, mutable: bool) -> GlobalType:
        return GlobalType(_global_type_new(_value_type_new(_I32), mutable))


def _vector(letters: str) -> Vector:
    """A type for each letter of a `Signature`. Who takes the vector over frees it."""
    types = (ctypes.c_void_p * len(letters))(
        *(_value_type_new(_KINDS[letter]) for letter in letters)
    )
    vector = Vector()
    _value_types_new(ctypes.byref(vector), len(letters), types)
    return vector


def _kinds(address: int) -> list[int]:
    """Of the types in the vector at an address, which stays its owner's."""
    vector = Vector.from_address(address)
    if not vector.size:
        return []
    types = (ctypes.c_void_p * vector.size).from_address(vector.data)
    return [_value_type_kind(each) for each in types]
