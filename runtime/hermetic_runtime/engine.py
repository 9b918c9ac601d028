"""wasmtime as we configure it, and modules compiled for it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from hermetic_runtime.bindings import Config, Engine, Module
from hermetic_runtime.compilation import MIB, WASM_STACK_BYTES, Compiler, Metering


def create_engine(metering: Metering, compiler: Compiler = Compiler.CRANELIFT) -> Engine:
    """An engine whose compiled code suits `metering`. Starts no threads.

    Winch has no typed function references, tail calls or garbage-collected types.
    """
    config = Config()
    config.set("wasm_exceptions", True)
    config.set("wasm_reference_types", True)
    if compiler is Compiler.WINCH:
        config.use_winch()
        config.set("gc_support", True)  # which exceptions need
    else:
        config.set("wasm_gc", True)
        config.set("wasm_function_references", True)
        config.set("wasm_tail_call", True)
        config.optimise_for_speed()
    config.set("epoch_interruption", metering is not Metering.NONE)
    config.set("consume_fuel", metering is Metering.FUEL)
    config.set_stack(WASM_STACK_BYTES, whole=WASM_STACK_BYTES + 2 * MIB)
    return Engine(config)


def compile_module(engine: Engine, source: bytes | str) -> bytes:
    """Native code for a module (wasm, or wat as text), in wasmtime's serialised form.

    Takes seconds for an interpreter, and starts the compiler's threads.
    """
    with closing(Module.compile(engine, source)) as module:
        return module.serialize()


def load_module(engine: Engine, path: Path) -> Module:
    """Map compiled code from a file of ours.

    The file is native code that will be executed: the caller vouches for where it
    came from. Raises `WasmtimeError` when it does not fit the engine.
    """
    return Module.map_file(engine, path)
