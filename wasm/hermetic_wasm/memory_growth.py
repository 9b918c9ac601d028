"""Letting the host know that a module's own `memory.grow` was refused.

A module whose code grows its memory by itself gives the host no say and no sight of it.
Behind the one `memory.grow` of its allocator goes a little code without branches that
keeps, in a global that the host can read and reset, whether it ever gave -1.
"""

from __future__ import annotations

from hermetic_wasm.binary import encode_u32, encode_vector
from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.memory_module import constant
from hermetic_wasm.module import Module
from hermetic_wasm.structure import (
    I32,
    PREAMBLE,
    Export,
    ExternKind,
    GlobalType,
    SectionId,
    encode_section,
)

_MEMORY_GROW = b"\x40\x00"
_GLOBAL_GET, _GLOBAL_SET = b"\x23", b"\x24"
_MINUS_ONE, _EQUAL, _OR = b"\x41\x7f", b"\x46", b"\x72"


def record_refusals(main: bytes, function: int, export: str) -> bytes:
    """The module with the `memory.grow` of one function recorded: a mutable i32 global,
    exported as `export`, is 1 once growth was refused, until the host writes 0.

    Raises `MalformedModule` when the function is imported or does not hold exactly one.
    """
    module = Module(main)
    imported = sum(1 for _ in module.imported(ExternKind.FUNCTION))
    globals_before = len(module.globals) + sum(1 for _ in module.imported(ExternKind.GLOBAL))
    refused = Export(export, ExternKind.GLOBAL, globals_before + 1)
    zero = GlobalType(I32, mutable=True).encode() + constant(0)
    changed = {
        SectionId.GLOBAL: encode_vector(
            [*(item.type.encode() + item.initial.code for item in module.globals), zero, zero]
        ),
        SectionId.EXPORT: encode_vector([export.encode() for export in (*module.exports, refused)]),
        SectionId.CODE: _recorded_code(module, function - imported, globals_before),
    }
    return PREAMBLE + b"".join(
        encode_section(section.id, changed.get(section.id) or module.contents(section))
        for section in module.sections
    )


def _recorded_code(module: Module, number: int, last_result: int) -> bytes:
    if not 0 <= number < len(module.bodies):
        raise MalformedModule("the function that grows memory is not one of the module's own")
    start, end = module.bodies[number]
    body = module.data[start:end]
    if body.count(_MEMORY_GROW) != 1:
        raise MalformedModule(f"{body.count(_MEMORY_GROW)} instructions look like memory.grow")
    recorded = body.replace(_MEMORY_GROW, _MEMORY_GROW + _recording(last_result))
    section = next(item for item in module.sections if item.id is SectionId.CODE)
    count_size = len(encode_u32(len(module.bodies)))
    size_at = module.bodies[number - 1].end if number else section.start + count_size
    return (
        module.data[section.start : size_at]
        + encode_u32(len(recorded))
        + recorded
        + module.data[end : section.end]
    )


def _recording(last_result: int) -> bytes:
    result, refused = encode_u32(last_result), encode_u32(last_result + 1)
    return (
        (_GLOBAL_SET + result)
        + (_GLOBAL_GET + result + _MINUS_ONE + _EQUAL)
        + (_GLOBAL_GET + refused + _OR)
        + (_GLOBAL_SET + refused)
        + (_GLOBAL_GET + result)
    )
