"""Engines, and how they are configured."""

from __future__ import annotations

import ctypes
from typing import Literal, get_args

from hermetic_runtime.bindings.library import pointer, prototype, size
from hermetic_runtime.bindings.owned import Owned

Flag = Literal[
    "wasm_exceptions",
    "wasm_reference_types",
    "wasm_gc",
    "wasm_function_references",
    "wasm_tail_call",
    "gc_support",
    "epoch_interruption",
    "consume_fuel",
]
_FLAGS: tuple[Flag, ...] = get_args(Flag)
_SPEED, _WINCH = 1, 2
"""`WASMTIME_OPT_LEVEL_SPEED` and `WASMTIME_STRATEGY_WINCH` (wasmtime/config.h)."""

_config_new = prototype("wasm_config_new", pointer)
_config_delete = prototype("wasm_config_delete", None, pointer)
_set_flag = {
    flag: prototype(f"wasmtime_config_{flag}_set", None, pointer, ctypes.c_bool) for flag in _FLAGS
}
_set_strategy = prototype("wasmtime_config_strategy_set", None, pointer, ctypes.c_uint8)
_set_opt_level = prototype("wasmtime_config_cranelift_opt_level_set", None, pointer, ctypes.c_uint8)
_set_stack = prototype("wasmtime_config_max_wasm_stack_set", None, pointer, size)
_set_async_stack = prototype("wasmtime_config_async_stack_size_set", None, pointer, ctypes.c_uint64)
_engine_new = prototype("wasm_engine_new_with_config", pointer, pointer)
_engine_delete = prototype("wasm_engine_delete", None, pointer)
_increment_epoch = prototype("wasmtime_engine_increment_epoch", None, pointer)


class Config(Owned):
    """What one engine is made with. Sizes are in bytes."""

    __slots__ = ()
    _delete = _config_delete

    def __init__(self) -> None:
        super().__init__(_config_new())

    def set(self, flag: Flag, value: bool) -> None:
        _set_flag[flag](self.address, value)

    def optimise_for_speed(self) -> None:
        _set_opt_level(self.address, _SPEED)

    def use_winch(self) -> None:
        _set_strategy(self.address, _WINCH)

    def set_stack(self, wasm: int, whole: int) -> None:
        """How much of the native stack guest code may use, of the `whole` that the library
        allows for. With more for `wasm` making the engine would abort the process.
        """
        _set_async_stack(self.address, whole)
        _set_stack(self.address, wasm)


class Engine(Owned):
    """Compiles modules, and maps compiled ones, that its stores instantiate."""

    __slots__ = ()
    _delete = _engine_delete

    def __init__(self, config: Config) -> None:
        """The config can't be used again."""
        super().__init__(_engine_new(config.give_away()))

    def increment_epoch(self) -> None:
        _increment_epoch(self.address)
