"""Small shared libraries, written in the text format."""

from __future__ import annotations

from collections.abc import Sequence

import wasmtime

from hermetic_wasm.binary import encode_bytes, encode_name, encode_u32, encode_vector
from hermetic_wasm.structure import PREAMBLE, SectionId, encode_section

_MODULE_DEFINITION = 64
"""Where `extension` puts its PyModuleDef, relative to the memory base."""


def shared_library(
    text: str,
    *,
    memory: tuple[int, int] = (0, 0),
    table: tuple[int, int] = (0, 0),
    needed: Sequence[str] = (),
    runtime_paths: Sequence[str] = (),
    weak: Sequence[str] = (),
) -> bytes:
    """A module in the text format with a dylink.0 section before it.

    `memory` and `table` are size and alignment, the latter as a power of two; `weak`
    are imports from env.
    """
    parts = [encode_u32(1) + encode_bytes(b"".join(map(encode_u32, (*memory, *table))))]
    if needed:
        parts.append(encode_u32(2) + encode_bytes(encode_vector(map(encode_name, needed))))
    if weak:
        flags = [encode_name("env") + encode_name(name) + encode_u32(1) for name in weak]
        parts.append(encode_u32(4) + encode_bytes(encode_vector(flags)))
    if runtime_paths:
        parts.append(encode_u32(5) + encode_bytes(encode_vector(map(encode_name, runtime_paths))))
    section = encode_section(SectionId.CUSTOM, encode_name("dylink.0") + b"".join(parts))
    binary = bytes(wasmtime.wat2wasm(text))
    return PREAMBLE + section + binary[len(PREAMBLE) :]


def extension(
    name: str,
    *,
    imports: str = "",
    body: str = "",
    answer: str = "(i32.const 42)",
    needed: Sequence[str] = (),
    runtime_paths: Sequence[str] = (),
    weak: Sequence[str] = (),
    table: tuple[int, int] = (0, 0),
) -> bytes:
    """An extension module `name` whose attribute `answer` is a number, given as an
    expression. `imports` and `body` are more fields of the module.
    """
    definition = f"(i32.add (global.get $base) (i32.const {_MODULE_DEFINITION}))"
    text = f"""(module
      (import "env" "memory" (memory 0))
      (import "env" "__indirect_function_table" (table 0 funcref))
      (import "env" "__memory_base" (global $base i32))
      (import "env" "__table_base" (global $slots i32))
      (import "env" "PyModule_Create2" (func $create (param i32 i32) (result i32)))
      (import "env" "PyModule_AddIntConstant" (func $add (param i32 i32 i32) (result i32)))
      {imports}
      (data (global.get $base) "answer\\00\\00{name}\\00")
      (func (export "PyInit_{name}") (result i32) (local $module i32)
        (i32.store offset=20 {definition} (i32.add (global.get $base) (i32.const 8)))
        (i32.store offset=28 {definition} (i32.const -1))
        (local.set $module (call $create {definition} (i32.const 1013)))
        (drop (call $add (local.get $module) (global.get $base) {answer}))
        (local.get $module))
      {body})"""
    return shared_library(
        text,
        memory=(256, 4),
        table=table,
        needed=needed,
        runtime_paths=runtime_paths,
        weak=weak,
    )
