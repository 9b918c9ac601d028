"""A guest's store: all that it holds, and what the host holds for it."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

from hermetic_runtime.bindings.engines import Engine
from hermetic_runtime.bindings.failures import (
    drop_failure,
    new_error,
    raise_error,
    take_error,
    take_trap,
)
from hermetic_runtime.bindings.library import pointer, prototype, size
from hermetic_runtime.bindings.owned import Owned

_store_new = prototype("wasmtime_store_new", pointer, pointer, pointer, pointer)
_store_delete = prototype("wasmtime_store_delete", None, pointer)
_store_context = prototype("wasmtime_store_context", pointer, pointer)
_store_limiter = prototype("wasmtime_store_limiter", None, pointer, *[ctypes.c_int64] * 5)
_set_fuel = prototype("wasmtime_context_set_fuel", pointer, pointer, ctypes.c_uint64)
_get_fuel = prototype("wasmtime_context_get_fuel", pointer, pointer, pointer)
_set_deadline = prototype("wasmtime_context_set_epoch_deadline", None, pointer, ctypes.c_uint64)
_DeadlineCallback = ctypes.CFUNCTYPE(size, pointer, pointer, pointer, pointer)
_set_deadline_callback = prototype(
    "wasmtime_store_epoch_deadline_callback", None, pointer, _DeadlineCallback, pointer, pointer
)
_AS_IT_IS = -1
"""What is negative, the limiter of the library leaves alone (wasmtime/store.h)."""


class GuestStore(Owned):
    """A wasmtime store, with the host functions that its guest can call.

    `host_calls` counts calls from guest to host. When a host function raises, the
    guest is ended by a trap and the exception is raised where the host had called in.
    Instances, functions, memories and tables are plain handles, valid while it is open.
    """

    __slots__ = ("_context", "_deadline_callback", "_decide", "functions", "host_calls", "pending")
    _delete = _store_delete

    def __init__(self, engine: Engine) -> None:
        super().__init__(_store_new(engine.address, None, None))
        self._context: int = _store_context(self.address)
        self.host_calls = 0
        self.functions: list[Callable[..., Any]] = []
        self.pending: BaseException | None = None
        self._decide: Callable[[], bool] = _go_on
        self._deadline_callback: Any = None

    @property
    def context(self) -> int:
        """What most functions of the library take. Raises `ValueError` when it is closed."""
        if self._address is None:
            raise ValueError("the store is closed")
        return self._context

    def close(self) -> None:
        """Free the guest and all that it holds. Handles made from it are invalid afterwards."""
        super().close()
        self._deadline_callback = None
        self.disconnect()

    def disconnect(self) -> None:
        """Let go of the host's side of the guest, which may have been the last."""
        self.functions = []
        self._decide = _go_on

    def set_limits(self, *, memory_bytes: int, table_elements: int, memories: int) -> None:
        """From now on. Growing beyond them fails, and so does instantiating."""
        _store_limiter(self.address, memory_bytes, table_elements, _AS_IT_IS, _AS_IT_IS, memories)

    def set_fuel(self, fuel: int) -> None:
        """Raises `WasmtimeError` where the engine counts none."""
        raise_error(_set_fuel(self.context, fuel))

    def get_fuel(self) -> int:
        """What is left. Raises as `set_fuel`."""
        left = ctypes.c_uint64()
        raise_error(_get_fuel(self.context, ctypes.byref(left)))
        return left.value

    def raise_failure(self, error: int | None, trap: int | None) -> None:
        """Raise what a call of the library gave, if it did, or what a host function raised
        on the way to it.
        """
        pending, self.pending = self.pending, None
        if not error and not trap:
            return
        if pending is not None:
            drop_failure(error, trap)
            raise pending from None
        if error:
            raise take_error(error)
        if trap:
            raise take_trap(trap)

    def on_epoch(self, decide: Callable[[], bool]) -> None:
        """Call `decide` at every epoch tick while the guest runs; False ends it by a trap."""
        self._decide = decide
        if self._deadline_callback is None:
            self._deadline_callback = self._create_deadline_callback()
        _set_deadline(self.context, 1)

    def _create_deadline_callback(self) -> Any:
        def reached(_context: int, _data: int, delta: int, _kind: int) -> int:
            try:
                if self._decide():
                    ctypes.c_uint64.from_address(delta).value = 1
                    return 0
            except BaseException as error:
                self.pending = error
            return new_error(b"interrupted")

        callback = _DeadlineCallback(reached)
        _set_deadline_callback(self.address, callback, None, None)
        return callback


def _go_on() -> bool:
    return True


class _Running(threading.local):
    """The store whose guest this thread is executing."""

    store: GuestStore


running = _Running()
