"""Memory modules: a memory and what it holds, and nothing else.

An engine maps a segment like theirs copy-on-write, so that an instance of one costs as
much as what is written to it afterwards.
"""

from __future__ import annotations

from hermetic_wasm.binary import encode_bytes, encode_signed, encode_vector
from hermetic_wasm.structure import (
    PREAMBLE,
    Export,
    ExternKind,
    Limits,
    SectionId,
    encode_section,
)

MEMORY_EXPORT = "memory"


def memory_module(limits: Limits, contents: bytes, start: int = 0) -> bytes:
    """A module that exports a memory of `limits` with `contents` at the address `start`.

    Zeros at both ends of `contents` are left out, since memory is zero to begin with.
    """
    size = start + len(contents)
    initial = contents.lstrip(b"\0")
    start = size - len(initial)
    segment = b"\x00" + constant(start) + encode_bytes(initial.rstrip(b"\0"))
    sections = {
        SectionId.MEMORY: limits.encode(),
        SectionId.EXPORT: Export(MEMORY_EXPORT, ExternKind.MEMORY, 0).encode(),
        SectionId.DATA: segment,
    }
    return PREAMBLE + b"".join(
        encode_section(section_id, encode_vector([item])) for section_id, item in sections.items()
    )


def constant(value: int) -> bytes:
    """A constant expression with the value of an unsigned i32."""
    signed = value - (1 << 32) if value >= 1 << 31 else value
    return b"\x41" + encode_signed(signed) + b"\x0b"
