"""wasmtime as we configure it, and modules compiled for it."""

from __future__ import annotations

from pathlib import Path

import wasmtime

from hermetic_runtime.compilation import MIB, WASM_STACK_BYTES, Compiler, Metering
from hermetic_runtime.wasmtime_ffi import set_async_stack_size, use_winch


def create_engine(metering: Metering, compiler: Compiler = Compiler.CRANELIFT) -> wasmtime.Engine:
    """An engine whose compiled code suits `metering`. Starts no threads.

    Winch has no typed function references, tail calls or garbage-collected types.
    """
    config = wasmtime.Config()
    config.wasm_exceptions = True
    config.wasm_reference_types = True
    if compiler is Compiler.WINCH:
        use_winch(config)
    else:
        config.wasm_gc = True
        config.wasm_function_references = True
        config.wasm_tail_call = True
        config.cranelift_opt_level = "speed"
    config.epoch_interruption = metering is not Metering.NONE
    config.consume_fuel = metering is Metering.FUEL
    set_async_stack_size(config, WASM_STACK_BYTES + 2 * MIB)
    config.max_wasm_stack = WASM_STACK_BYTES
    return wasmtime.Engine(config)


def compile_module(engine: wasmtime.Engine, binary: bytes | str) -> bytes:
    """Native code for a module (wasm, or wat as text), in wasmtime's serialised form.

    Takes seconds for an interpreter, and starts the compiler's threads.
    """
    with wasmtime.Module(engine, binary) as module:
        return bytes(module.serialize())


def load_module(engine: wasmtime.Engine, path: Path) -> wasmtime.Module:
    """Map compiled code from a file of ours.

    The file is native code that will be executed: the caller vouches for where it
    came from. Raises `wasmtime.WasmtimeError` when it does not fit the engine.
    """
    return wasmtime.Module.deserialize_file(engine, str(path))
