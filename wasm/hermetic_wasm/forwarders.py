"""Functions that stand in for imports of a side module which nothing can provide beforehand.

A side module may import what it exports itself (C++ does so for what another library
could replace), and an instance can't be given its own functions. A forwarder calls through
the function table, whose slot is filled once the instance is there. An import that is weak
and defined nowhere gets a function that traps.
"""

from __future__ import annotations

from collections.abc import Mapping

from hermetic_wasm.binary import encode_bytes, encode_name, encode_signed, encode_u32, encode_vector
from hermetic_wasm.structure import (
    FUNCREF,
    I32,
    PREAMBLE,
    Export,
    ExternKind,
    FunctionType,
    GlobalType,
    SectionId,
    encode_section,
)

TABLE_IMPORT = ("env", "__indirect_function_table")
SLOTS_IMPORT = ("hermetic", "slots")
"""Constant i32 global: the slot of the first forwarded function; the others follow it."""


def generate_forwarders(
    forwarded: Mapping[str, FunctionType], trapping: Mapping[str, FunctionType]
) -> bytes:
    """A module that imports the table and the first slot, and exports a function for each
    name. Names must not occur in both.
    """
    functions = {**forwarded, **trapping}
    types = list(dict.fromkeys(functions.values()))
    bodies = [
        *(_forward(slot, kind, types.index(kind)) for slot, kind in enumerate(forwarded.values())),
        *(b"\x00\x00\x0b" for _ in trapping),
    ]
    imports = (
        _names(TABLE_IMPORT) + bytes((ExternKind.TABLE,)) + FUNCREF + b"\x00\x00",
        _names(SLOTS_IMPORT) + bytes((ExternKind.GLOBAL,)) + GlobalType(I32, False).encode(),
    )
    sections = {
        SectionId.TYPE: [kind.encode() for kind in types],
        SectionId.IMPORT: imports,
        SectionId.FUNCTION: [encode_u32(types.index(kind)) for kind in functions.values()],
        SectionId.EXPORT: [
            Export(name, ExternKind.FUNCTION, number).encode()
            for number, name in enumerate(functions)
        ],
        SectionId.CODE: map(encode_bytes, bodies),
    }
    return PREAMBLE + b"".join(
        encode_section(section_id, encode_vector(items)) for section_id, items in sections.items()
    )


def _names(names: tuple[str, str]) -> bytes:
    return b"".join(map(encode_name, names))


def _forward(slot: int, kind: FunctionType, type_index: int) -> bytes:
    """No locals; every parameter, then `global.get 0, i32.const slot, i32.add, call_indirect`."""
    parameters = b"".join(b"\x20" + encode_u32(number) for number in range(len(kind.parameters)))
    address = b"\x23\x00\x41" + encode_signed(slot) + b"\x6a"
    return b"\x00" + parameters + address + b"\x11" + encode_u32(type_index) + b"\x00\x0b"
