"""The types of the functions that guest and host call of one another."""

from __future__ import annotations

from typing import NamedTuple

import wasmtime

_VALUE_TYPES = {
    "i": wasmtime.ValType.i32(),
    "p": wasmtime.ValType.i32(),
    "l": wasmtime.ValType.i64(),
    "d": wasmtime.ValType.f64(),
}


class Signature(NamedTuple):
    """Parameter and result kinds, a letter each: `i` signed i32, `p` unsigned i32 (a guest
    pointer or size), `l` signed i64, `d` f64. `result` is empty for no result.
    """

    parameters: str
    result: str = ""

    def function_type(self) -> wasmtime.FuncType:
        return wasmtime.FuncType(
            [_VALUE_TYPES[kind] for kind in self.parameters],
            [_VALUE_TYPES[kind] for kind in self.result],
        )
