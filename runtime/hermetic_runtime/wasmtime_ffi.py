"""The only module that touches the private bindings of the `wasmtime` package.

The package's public API creates a Python object for every value that crosses
between host and guest (about 9.5 us a call) and for every export of an instance
(8,560 of them in Pyodide). The functions here reach the same C library directly
(about 1 us a call) and fetch single exports by name.

Relied on, and checked when this module is imported:

- `wasmtime._ffi`: `dll`, the struct types `wasmtime_func_t`, `wasmtime_memory_t`,
  `wasmtime_table_t`, `wasmtime_global_t`, `wasmtime_instance_t`, `wasmtime_extern_t`,
  `wasmtime_val_t`, and the kind constants;
- `Store._context`, `Managed.ptr`, `FuncType.ptr`, `Trap._from_ptr`, `WasmtimeError._from_ptr`;
- a raw value (`wasmtime_val_raw_t`, wasmtime/val.h) is 16 bytes, little-endian.

Ownership: a `GuestStore` owns its store and everything made in it. Functions,
memories, tables and instances are plain handles, valid while the store is open;
the callbacks of host functions are kept alive by the store that uses them.
"""

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportAttributeAccessIssue=false, reportMissingTypeArgument=false

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import wasmtime
from wasmtime import _ffi as ffi

from hermetic_runtime.compilation import WASMTIME_VERSION
from hermetic_runtime.signatures import Signature

RAW_VALUE_BYTES = 16


def _check_version() -> None:
    site_packages = Path(wasmtime.__file__).parent.parent
    if (site_packages / f"wasmtime-{WASMTIME_VERSION}.dist-info").is_dir():
        return
    from importlib.metadata import version  # 50 ms, so only when the quick look fails

    if version("wasmtime") != WASMTIME_VERSION:
        raise ImportError(
            f"hermetic-runtime is built against wasmtime {WASMTIME_VERSION}; "
            f"{version('wasmtime')} is installed"
        )


_check_version()
if ctypes.sizeof(ffi.wasmtime_val_raw_t) != RAW_VALUE_BYTES:
    raise ImportError("wasmtime_val_raw_t is not 16 bytes: the bindings have changed")

_RawCallback = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t
)
_DeadlineCallback = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)


def _prototype(name: str, result: Any, *arguments: Any) -> Any:
    """A foreign function with types of our own, separate from the package's prototype."""
    function = ffi.dll[name]  # pyright: ignore[reportIndexIssue]
    function.restype = result
    function.argtypes = arguments
    return function


_pointer = ctypes.c_void_p
_size = ctypes.c_size_t
_func_new = _prototype(
    "wasmtime_func_new_unchecked",
    None,
    _pointer,
    _pointer,
    _RawCallback,
    _pointer,
    _pointer,
    _pointer,
)
_func_call = _prototype(
    "wasmtime_func_call_unchecked", _pointer, _pointer, _pointer, _pointer, _size, _pointer
)
_export_get = _prototype(
    "wasmtime_instance_export_get",
    ctypes.c_bool,
    _pointer,
    _pointer,
    ctypes.c_char_p,
    _size,
    _pointer,
)
_linker_define_function = _prototype(
    "wasmtime_linker_define_func_unchecked",
    _pointer,
    _pointer,
    ctypes.c_char_p,
    _size,
    ctypes.c_char_p,
    _size,
    _pointer,
    _RawCallback,
    _pointer,
    _pointer,
)
_linker_define = _prototype(
    "wasmtime_linker_define",
    _pointer,
    _pointer,
    _pointer,
    ctypes.c_char_p,
    _size,
    ctypes.c_char_p,
    _size,
    _pointer,
)
_linker_define_instance = _prototype(
    "wasmtime_linker_define_instance",
    _pointer,
    _pointer,
    _pointer,
    ctypes.c_char_p,
    _size,
    _pointer,
)
_linker_instantiate = _prototype(
    "wasmtime_linker_instantiate", _pointer, _pointer, _pointer, _pointer, _pointer, _pointer
)
_trap_new = _prototype("wasmtime_trap_new", _size, ctypes.c_char_p, _size)
_set_async_stack_size = _prototype(
    "wasmtime_config_async_stack_size_set", None, _pointer, ctypes.c_uint64
)
_set_strategy = _prototype("wasmtime_config_strategy_set", None, _pointer, ctypes.c_uint8)
_set_gc_support = _prototype("wasmtime_config_gc_support_set", None, _pointer, ctypes.c_bool)
_WINCH = 2
"""WASMTIME_STRATEGY_WINCH, wasmtime/config.h."""
_memory_view = ctypes.pythonapi.PyMemoryView_FromMemory
_memory_view.restype = ctypes.py_object
_memory_view.argtypes = [_pointer, ctypes.c_ssize_t, ctypes.c_int]
_WRITABLE = 0x200
"""PyBUF_WRITE, CPython Include/cpython/object.h."""

_set_deadline_callback = _prototype(
    "wasmtime_store_epoch_deadline_callback",
    None,
    _pointer,
    _DeadlineCallback,
    _pointer,
    _pointer,
)

_FORMATS = {"i": "i12x", "p": "I12x", "l": "q8x", "d": "d8x"}
_RESULT_TYPES: dict[str, Any] = {
    "i": ctypes.c_int32,
    "p": ctypes.c_uint32,
    "l": ctypes.c_int64,
    "d": ctypes.c_double,
}


def set_async_stack_size(config: wasmtime.Config, size: int) -> None:
    """Set the size in bytes that `max_wasm_stack` must not exceed.

    The package has no setter for it; with `max_wasm_stack` above it, creating the
    engine aborts the process.
    """
    _set_async_stack_size(ctypes.cast(config.ptr(), _pointer), size)


def use_winch(config: wasmtime.Config) -> None:
    """Compile with Winch, whose exceptions need the garbage collector.

    The package's own setter does not know of this compiler.
    """
    raw = ctypes.cast(config.ptr(), _pointer)
    _set_strategy(raw, _WINCH)
    _set_gc_support(raw, True)


class Extern:
    """An item that an instance exports or imports, as the C library describes it."""

    __slots__ = ("raw",)

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    @property
    def is_function(self) -> bool:
        return self.raw.kind == ffi.WASMTIME_EXTERN_FUNC.value


class ImportSlots:
    """The imports of one instantiation, by their place among what a module declares.

    Filled in place, because a Python object for each of some hundred imports would cost
    more than the instantiation. Every slot must be filled.
    """

    __slots__ = ("_base", "array", "count")

    def __init__(self, count: int) -> None:
        self.count = count
        self.array = (ffi.wasmtime_extern_t * count)()
        self._base = ctypes.addressof(self.array)

    def __setitem__(self, slot: int, extern: Extern) -> None:
        self.array[slot] = extern.raw

    def address(self, slot: int) -> int:
        """Where the C library may write an extern."""
        return self._base + slot * _EXTERN_BYTES


_EXTERN_BYTES = ctypes.sizeof(ffi.wasmtime_extern_t)


class HostFunctions:
    """Host functions for any number of stores, one at a time in a thread, made once.

    A call goes to the function of that number in the `functions` of the store that runs
    in the calling thread. The C library holds on to the callbacks: keep this object as
    long as a store that uses them.
    """

    def __init__(
        self,
        engine: wasmtime.Engine,
        names: Sequence[tuple[str, str]],
        signatures: Sequence[Signature],
    ) -> None:
        """Functions of `signatures`, numbered in that order, which imports find by their
        (module, name). Those that come after the names have none.
        """
        types = {signature: signature.function_type() for signature in set(signatures)}
        self._types = types
        self._linker = wasmtime.Linker(engine)
        self._linker.allow_shadowing = True
        self._address = ctypes.cast(self._linker.ptr(), _pointer)
        self._prepared = [
            (
                ctypes.cast(types[signature].ptr(), _pointer).value,
                _RawCallback(_dispatcher(number, signature)),
            )
            for number, signature in enumerate(signatures)
        ]
        self._lock = threading.Lock()
        for name, prepared in zip(names, self._prepared, strict=False):
            self._define(*name, *prepared)

    def _define(self, module: str, name: str, function_type: Any, callback: Any) -> None:
        in_module, named = module.encode(), name.encode()
        _raise_error(
            _linker_define_function(
                self._address,
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
        func = ffi.wasmtime_func_t()
        _func_new(store.context, function_type, callback, None, None, ctypes.byref(func))
        return _function_extern(func)

    def instantiate(
        self,
        store: GuestStore,
        module: wasmtime.Module,
        memory: Extern,
        others: Instance | None = None,
    ) -> Instance:
        """Instantiate what imports these functions, `env.memory`, and the exports of
        `others` as functions of `env`.

        Raises `wasmtime.WasmtimeError` when an import is missing or of the wrong type, and
        `wasmtime.Trap` when the module's start traps.
        """
        raw = ffi.wasmtime_instance_t()
        trap = ctypes.POINTER(ffi.wasm_trap_t)()
        with self._lock:
            address, context = self._address, store.context
            memory_address = ctypes.byref(memory.raw)
            _raise_error(_linker_define(address, context, b"env", 3, b"memory", 6, memory_address))
            if others is not None:
                _raise_error(_linker_define_instance(address, context, b"env", 3, others.address))
            error = _linker_instantiate(
                address,
                context,
                ctypes.cast(module.ptr(), _pointer),
                ctypes.byref(raw),
                ctypes.byref(trap),
            )
        store.raise_failure(error, trap)
        return Instance(store, raw)


def _raise_error(error: Any) -> None:
    if error:
        pointer = ctypes.cast(error, ctypes.POINTER(ffi.wasmtime_error_t))
        raise wasmtime.WasmtimeError._from_ptr(pointer)


class _Running(threading.local):
    """The store whose guest this thread is executing."""

    store: GuestStore


_running = _Running()


def _raw_layout(signature: Signature) -> tuple[Callable[[bytes], tuple[Any, ...]], int, Any]:
    """How to unpack raw parameters, their size, and how to reach the raw result."""
    layout = struct.Struct("<" + "".join(_FORMATS[kind] for kind in signature.parameters))
    result_type = _RESULT_TYPES.get(signature.result)
    return layout.unpack, layout.size, result_type.from_address if result_type else None


def _dispatcher(number: int, signature: Signature) -> Callable[..., int]:
    unpack, size, result_at = _raw_layout(signature)
    bytes_at, running = ctypes.string_at, _running

    def receive(_data: int, _caller: int, values: int, _count: int) -> int:
        store = running.store
        store.host_calls += 1
        try:
            function = store.functions[number]
            result = function(*unpack(bytes_at(values, size))) if size else function()
            if result_at is not None:
                result_at(values).value = result
        except BaseException as error:
            store.pending = error
            return _trap_new(b"host", 4)
        return 0

    return receive


class GuestStore:
    """A wasmtime store, with the host functions that its guest can call.

    `host_calls` counts calls from guest to host. When a host function raises, the
    guest is ended by a trap and the exception is raised where the host had called in.
    """

    def __init__(self, engine: wasmtime.Engine) -> None:
        self.store = wasmtime.Store(engine)
        self.context = ctypes.cast(self.store._context(), _pointer)
        self.host_calls = 0
        self.functions: list[Callable[..., Any]] = []
        self.pending: BaseException | None = None
        self._decide: Callable[[], bool] = _go_on
        self._deadline_callback: Any = None

    def close(self) -> None:
        """Free the guest and all that it holds. Handles made from it are invalid afterwards."""
        self.store.close()
        self._deadline_callback = None
        self.disconnect()

    def disconnect(self) -> None:
        """Let go of the host's side of the guest, which may have been the last."""
        self.functions = []
        self._decide = _go_on

    def instantiate(
        self, module: wasmtime.Module, imports: Sequence[Extern] | ImportSlots
    ) -> Instance:
        """Instantiate `module` with `imports` in the order in which it declares them.

        Raises `wasmtime.WasmtimeError` when an import is of the wrong type, and
        `wasmtime.Trap` when the module's start traps.
        """
        if isinstance(imports, ImportSlots):
            externs, count = imports.array, imports.count
        else:
            count = len(imports)
            externs = (ffi.wasmtime_extern_t * count)(*(item.raw for item in imports))
        raw = ffi.wasmtime_instance_t()
        trap = ctypes.POINTER(ffi.wasm_trap_t)()
        error = ffi.wasmtime_instance_new(
            self.store._context(),
            module.ptr(),
            externs,
            count,
            ctypes.byref(raw),
            ctypes.byref(trap),
        )
        self.raise_failure(error, trap)
        return Instance(self, raw)

    def raise_failure(self, error: Any, trap: Any) -> None:
        """Raise what a call of the C library gave, if it did, or what a host function raised
        on the way to it.
        """
        pending, self.pending = self.pending, None
        failure: BaseException | None = None
        if error:
            error = ctypes.cast(error, ctypes.POINTER(ffi.wasmtime_error_t))
            failure = wasmtime.WasmtimeError._from_ptr(error)
        elif trap:
            failure = wasmtime.Trap._from_ptr(trap)
        if failure is not None:
            raise (pending or failure) from None

    def on_epoch(self, decide: Callable[[], bool]) -> None:
        """Call `decide` at every epoch tick while the guest runs; False ends it by a trap."""
        self._decide = decide
        if self._deadline_callback is None:
            self._deadline_callback = self._create_deadline_callback()
        self.store.set_epoch_deadline(1)

    def _create_deadline_callback(self) -> Any:
        def reached(_context: int, _data: int, delta: int, _kind: int) -> int:
            try:
                if self._decide():
                    ctypes.c_uint64.from_address(delta).value = 1
                    return 0
            except BaseException as error:
                self.pending = error
            return wasmtime_error(b"interrupted")

        callback = _DeadlineCallback(reached)
        _set_deadline_callback(ctypes.cast(self.store.ptr(), _pointer), callback, None, None)
        return callback


def _go_on() -> bool:
    return True


def wasmtime_error(message: bytes) -> int:
    """A new error owned by the C library that receives it, as an address."""
    return _error_new(message)


_error_new = _prototype("wasmtime_error_new", _size, ctypes.c_char_p)


def _function_extern(func: Any) -> Extern:
    return Extern(
        ffi.wasmtime_extern_t(ffi.WASMTIME_EXTERN_FUNC, ffi.wasmtime_extern_union(func=func))
    )


class Instance:
    """A module instance; exports are looked up one by one."""

    __slots__ = ("_raw", "_store")

    def __init__(self, store: GuestStore, raw: Any) -> None:
        self._store = store
        self._raw = raw

    @property
    def address(self) -> int:
        """Where the C library's handle is, as long as this object lives."""
        return ctypes.addressof(self._raw)

    def export(self, name: str) -> Extern:
        """Raises `KeyError` when there is no such export."""
        item = ffi.wasmtime_extern_t()
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


def global_value(store: GuestStore, item: Extern) -> int:
    """The present value of an i32 global, unsigned."""
    value = ffi.wasmtime_val_t()
    ffi.wasmtime_global_get(
        store.store._context(), ctypes.byref(item.raw.of.global_), ctypes.byref(value)
    )
    return value.of.i32 & 0xFFFFFFFF


def set_global(store: GuestStore, item: Extern, value: int) -> None:
    """Set a mutable i32 global, given unsigned."""
    error = ffi.wasmtime_global_set(
        store.store._context(), ctypes.byref(item.raw.of.global_), ctypes.byref(_i32(value))
    )
    if error:
        raise wasmtime.WasmtimeError._from_ptr(error)


def new_global(store: GuestStore, value: int, *, mutable: bool) -> Extern:
    """An i32 global of the host's, its value given unsigned."""
    item = ffi.wasmtime_global_t()
    error = ffi.wasmtime_global_new(
        store.store._context(),
        _global_type(mutable).ptr(),
        ctypes.byref(_i32(value)),
        ctypes.byref(item),
    )
    if error:
        raise wasmtime.WasmtimeError._from_ptr(error)
    union = ffi.wasmtime_extern_union(global_=item)
    return Extern(ffi.wasmtime_extern_t(ffi.WASMTIME_EXTERN_GLOBAL, union))


@cache
def _global_type(mutable: bool) -> wasmtime.GlobalType:
    return wasmtime.GlobalType(wasmtime.ValType.i32(), mutable)


def _i32(value: int) -> Any:
    number = ctypes.c_int32(value).value
    return ffi.wasmtime_val_t(kind=ffi.WASMTIME_I32, of=ffi.wasmtime_valunion_t(i32=number))


class GuestFunction:
    """An exported function whose parameters and result are all i32."""

    __slots__ = ("_extern", "_func", "_store")

    def __init__(self, store: GuestStore, extern: Extern) -> None:
        self._store = store
        self._extern = extern
        self._func = extern.raw.of.func

    def __call__(self, *arguments: int) -> int:
        """Call with i32 arguments; the result, unsigned, or an unspecified number if none.

        Raises `wasmtime.Trap` when the guest traps, and whatever a host function raised.
        """
        count = max(1, len(arguments))
        values = (ffi.wasmtime_val_raw_t * count)()
        for value, argument in zip(values, arguments, strict=False):
            value.i64 = argument & 0xFFFFFFFF
        trap = ctypes.POINTER(ffi.wasm_trap_t)()
        previous, _running.store = getattr(_running, "store", self._store), self._store
        error = _func_call(
            self._store.context,
            ctypes.byref(self._func),
            values,
            count,
            ctypes.byref(trap),
        )
        _running.store = previous
        self._store.raise_failure(error, trap)
        return values[0].i32 & 0xFFFFFFFF


def append_to_table(store: GuestStore, table: Extern, function: Extern) -> int:
    """Grow a funcref table by one slot that holds `function`; the new slot's index.

    Raises `wasmtime.WasmtimeError` when the table cannot grow.
    """
    return _grow_table(store, table, 1, _function_value(function))


def grow_table(store: GuestStore, table: Extern, count: int) -> int:
    """Grow a funcref table by `count` empty slots; the index of the first.

    Raises `wasmtime.WasmtimeError` when the table cannot grow.
    """
    null = ffi.wasmtime_val_t(kind=ffi.WASMTIME_FUNCREF)
    return _grow_table(store, table, count, null)


def _grow_table(store: GuestStore, table: Extern, count: int, value: Any) -> int:
    previous = ctypes.c_uint64()
    error = ffi.wasmtime_table_grow(
        store.store._context(),
        ctypes.byref(table.raw.of.table),
        count,
        ctypes.byref(value),
        ctypes.byref(previous),
    )
    if error:
        raise wasmtime.WasmtimeError._from_ptr(error)
    return previous.value


def table_size(store: GuestStore, table: Extern) -> int:
    """The present number of slots."""
    return ffi.wasmtime_table_size(store.store._context(), ctypes.byref(table.raw.of.table))


def set_table_slot(store: GuestStore, table: Extern, slot: int, function: Extern) -> None:
    """Put a function into a slot of a funcref table.

    Raises `wasmtime.WasmtimeError` when there is no such slot.
    """
    error = ffi.wasmtime_table_set(
        store.store._context(),
        ctypes.byref(table.raw.of.table),
        slot,
        ctypes.byref(_function_value(function)),
    )
    if error:
        raise wasmtime.WasmtimeError._from_ptr(error)


def _function_value(function: Extern) -> Any:
    """Raises `TypeError` when the item is no function."""
    if not function.is_function:
        raise TypeError("only functions have slots in a table")
    return ffi.wasmtime_val_t(
        kind=ffi.WASMTIME_FUNCREF, of=ffi.wasmtime_valunion_t(funcref=function.raw.of.func)
    )


def call_table_function(store: GuestStore, table: Extern, slot: int, argument: int) -> None:
    """Call a funcref table's function of one i32 and no result, its type checked.

    Raises `wasmtime.WasmtimeError` when the slot is empty, outside, or of another type,
    and otherwise what calling a `GuestFunction` does.
    """
    found = wasmtime.Table._from_raw(table.raw.of.table).get(store.store, slot)
    if not isinstance(found, wasmtime.Func) or not _takes_one_i32(found.type(store.store)):
        raise wasmtime.WasmtimeError(f"table slot {slot} holds no function of one i32")
    GuestFunction(store, _function_extern(found._func))(argument)


def _takes_one_i32(function_type: wasmtime.FuncType) -> bool:
    return function_type.params == [wasmtime.ValType.i32()] and not function_type.results


def memory_bytes(store: GuestStore, memory: Extern) -> memoryview:
    """The whole linear memory as it is now, writable.

    The view must be dropped when the memory grows and before the store is closed:
    it is a bare address, and nothing else keeps the memory there.
    """
    context, raw = store.store._context(), ctypes.byref(memory.raw.of.memory)
    base = ctypes.cast(ffi.wasmtime_memory_data(context, raw), _pointer).value
    return _memory_view(base, ffi.wasmtime_memory_data_size(context, raw), _WRITABLE)


def grow_memory(store: GuestStore, memory: Extern, pages: int) -> bool:
    """Grow by `pages` of 64 KiB. False when the memory's or the store's limit forbids it."""
    previous = ctypes.c_uint64()
    error = ffi.wasmtime_memory_grow(
        store.store._context(),
        ctypes.byref(memory.raw.of.memory),
        pages,
        ctypes.byref(previous),
    )
    if error:
        wasmtime.WasmtimeError._from_ptr(error).close()
        return False
    return True
