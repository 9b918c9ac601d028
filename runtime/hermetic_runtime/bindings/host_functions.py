"""Functions of the host that guests import."""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any

from hermetic_runtime.bindings.engines import Engine
from hermetic_runtime.bindings.failures import new_trap, raise_error
from hermetic_runtime.bindings.handles import Extern, Function, InstanceHandle, function_extern
from hermetic_runtime.bindings.instances import Instance
from hermetic_runtime.bindings.library import pointer, prototype, size, text
from hermetic_runtime.bindings.modules import Module
from hermetic_runtime.bindings.owned import Owned
from hermetic_runtime.bindings.stores import GuestStore, running
from hermetic_runtime.bindings.types import FunctionType
from hermetic_runtime.signatures import Signature

_Callback = ctypes.CFUNCTYPE(size, pointer, pointer, pointer, size)
_function_new = prototype(
    "wasmtime_func_new_unchecked", None, pointer, pointer, _Callback, pointer, pointer, pointer
)
_linker_new = prototype("wasmtime_linker_new", pointer, pointer)
_linker_delete = prototype("wasmtime_linker_delete", None, pointer)
_allow_shadowing = prototype("wasmtime_linker_allow_shadowing", None, pointer, ctypes.c_bool)
_define_function = prototype(
    "wasmtime_linker_define_func_unchecked",
    pointer,
    pointer,
    text,
    size,
    text,
    size,
    pointer,
    _Callback,
    pointer,
    pointer,
)
_define = prototype(
    "wasmtime_linker_define", pointer, pointer, pointer, text, size, text, size, pointer
)
_define_instance = prototype(
    "wasmtime_linker_define_instance", pointer, pointer, pointer, text, size, pointer
)
_instantiate = prototype(
    "wasmtime_linker_instantiate", pointer, pointer, pointer, pointer, pointer, pointer
)

_FORMATS = {"i": "i12x", "p": "I12x", "l": "q8x", "d": "d8x"}
_RESULT_TYPES: dict[str, Any] = {
    "i": ctypes.c_int32,
    "p": ctypes.c_uint32,
    "l": ctypes.c_int64,
    "d": ctypes.c_double,
}


class _Linker(Owned):
    __slots__ = ()
    _delete = _linker_delete


class HostFunctions:
    """Host functions for any number of stores, one at a time in a thread, made once.

    A call goes to the function of that number in the `functions` of the store that runs
    in the calling thread. The library holds on to the callbacks: keep this object as
    long as a store that uses them.
    """

    def __init__(
        self,
        engine: Engine,
        names: Sequence[tuple[str, str]],
        signatures: Sequence[Signature],
    ) -> None:
        """Functions of `signatures`, numbered in that order, which imports find by their
        (module, name). Those that come after the names have none.
        """
        self._types = {signature: FunctionType.of(signature) for signature in set(signatures)}
        self._linker = _Linker(_linker_new(engine.address))
        _allow_shadowing(self._linker.address, True)
        self._prepared = [
            (self._types[signature].address, _Callback(_dispatcher(number, signature)))
            for number, signature in enumerate(signatures)
        ]
        self._lock = threading.Lock()
        for name, prepared in zip(names, self._prepared, strict=False):
            self._define(*name, *prepared)

    def _define(self, module: str, name: str, function_type: int, callback: Any) -> None:
        in_module, named = module.encode(), name.encode()
        raise_error(
            _define_function(
                self._linker.address,
                in_module,
                len(in_module),
                named,
                len(named),
                function_type,
                callback,
                None,
                None,
            )
        )

    def function(self, store: GuestStore, number: int) -> Extern:
        """One function, to be given to a store's instances by hand."""
        function_type, callback = self._prepared[number]
        made = Function()
        _function_new(store.context, function_type, callback, None, None, ctypes.byref(made))
        return function_extern(made)

    def instantiate(
        self, store: GuestStore, module: Module, memory: Extern, others: Instance | None = None
    ) -> Instance:
        """Instantiate what imports these functions, `env.memory`, and the exports of
        `others` as functions of `env`.

        Raises `WasmtimeError` when an import is missing or of the wrong type, and `Trap`
        when the module's start traps.
        """
        raw, trap = InstanceHandle(), pointer()
        with self._lock:
            linker, context = self._linker.address, store.context
            memory_address = ctypes.byref(memory.raw)
            raise_error(_define(linker, context, b"env", 3, b"memory", 6, memory_address))
            if others is not None:
                raise_error(_define_instance(linker, context, b"env", 3, others.address))
            error = _instantiate(
                linker, context, module.address, ctypes.byref(raw), ctypes.byref(trap)
            )
        store.raise_failure(error, trap.value)
        return Instance(store, raw)


def _dispatcher(number: int, signature: Signature) -> Callable[..., int]:
    unpack, taken, result_at = _raw_layout(signature)
    bytes_at = ctypes.string_at

    def receive(_data: int, _caller: int, values: int, _count: int) -> int:
        store = running.store
        store.host_calls += 1
        try:
            function = store.functions[number]
            result = function(*unpack(bytes_at(values, taken))) if taken else function()
            if result_at is not None:
                result_at(values).value = result
        except BaseException as error:
            store.pending = error
            return new_trap(b"host")
        return 0

    return receive


def _raw_layout(signature: Signature) -> tuple[Callable[[bytes], tuple[Any, ...]], int, Any]:
    """How to unpack raw parameters, their size, and how to reach the raw result."""
    layout = struct.Struct("<" + "".join(_FORMATS[kind] for kind in signature.parameters))
    result_type = _RESULT_TYPES.get(signature.result)
    return layout.unpack, layout.size, result_type.from_address if result_type else None
