"""Instructions of WebAssembly function bodies, as far as rewriting them needs to know.

Numbers are those of the core specification, 5.4 (Instructions), and of the legacy and the
current form of the exception-handling proposal.
"""

from __future__ import annotations

import re

BLOCK = 0x02
LOOP = 0x03
IF = 0x04
ELSE = 0x05
TRY = 0x06
CATCH = 0x07
RETHROW = 0x09
THROW_REF = 0x0A
END = 0x0B
BR = 0x0C
BR_IF = 0x0D
BR_TABLE = 0x0E
DELEGATE = 0x18
CATCH_ALL = 0x19
TRY_TABLE = 0x1F
LOCAL_GET = 0x20
LOCAL_SET = 0x21
BR_ON_NULL = 0xD5
BR_ON_NON_NULL = 0xD6
BULK_MEMORY = 0xFC
MEMORY_INIT = 0x08
DATA_DROP = 0x09

EMPTY_BLOCK_TYPE = b"\x40"

_LEB = rb"[\x80-\xff]{0,9}+[\x00-\x7f]"
_MEMORY_ARGUMENT = rb"[\x00-\x3f]" + _LEB
_VALUE_TYPE = rb"(?:[\x65-\x7f]|[\x63\x64]" + _LEB + rb")"

_PLAIN = (
    # Control and comparison without immediates, and all arithmetic on numbers.
    rb"[\x00\x01\x0a\x0f\x1a\x1b\x45-\xc4\xd1\xd3\xd4]",
    # One index or number: throws, calls, locals, globals, tables, memory size, constants.
    rb"[\x08\x10\x12\x14\x15\x20-\x26\x3f-\x42\xd0\xd2]" + _LEB,
    # Indirect calls: a type and a table.
    rb"[\x11\x13]" + _LEB + _LEB,
    # A select that states its one type.
    rb"\x1c\x01" + _VALUE_TYPE,
    # Loads, stores and floating-point constants.
    rb"[\x28-\x3e]" + _MEMORY_ARGUMENT,
    rb"\x43[\x00-\xff]{4}",
    rb"\x44[\x00-\xff]{8}",
    # Saturating conversions, then bulk operations with two indices, then with one.
    rb"\xfc[\x00-\x07]",
    rb"\xfc[\x0a\x0c\x0e]" + _LEB + _LEB,
    rb"\xfc[\x0b\x0d\x0f-\x11]" + _LEB,
    # Vectors: memory, whole constants, one lane, memory to a lane, arithmetic.
    rb"\xfd[\x00-\x0b\x5c\x5d]" + _MEMORY_ARGUMENT,
    rb"\xfd[\x0c\x0d][\x00-\xff]{16}",
    rb"\xfd[\x15-\x22][\x00-\xff]",
    rb"\xfd[\x54-\x5b]" + _MEMORY_ARGUMENT + rb"[\x00-\xff]",
    rb"\xfd(?:[\x0e-\x14\x23-\x53\x5e-\x7f]|[\x80-\xff][\x01-\x03])",
    # Atomic memory accesses and the fence.
    rb"\xfe(?:[\x00-\x02\x10-\x4e]" + _MEMORY_ARGUMENT + rb"|\x03\x00)",
)
_BLOCKS_AND_BRANCHES = (
    rb"[\x02-\x04]" + rb"(?:" + _VALUE_TYPE + rb"|" + _LEB + rb")",
    rb"[\x05\x0b]",
    rb"[\x0c\x0d\xd5\xd6]" + _LEB,
)


def _run_of(*instructions: bytes) -> re.Pattern[bytes]:
    return re.compile(b"(?>" + b"|".join(instructions) + b")++", re.DOTALL)


PLAIN_RUN = _run_of(*_PLAIN)
"""A run of instructions that hold no label and open or close no block.

Opcodes with a prefix match in their shortest encoding only, the one that tools emit:
another would be read as a different instruction. `memory.init` and `data.drop` are left
out, since the data segments that they name may be moved.
"""
UNEXCEPTIONAL_RUN = _run_of(*_PLAIN, *_BLOCKS_AND_BRANCHES)
"""A run of instructions that are plain, or open, close or leave blocks other than a try.

`br_table` is left out: how long it is depends on a number in it.
"""
_EXCEPTIONAL = (
    rb"\x06(?:" + _VALUE_TYPE + rb"|" + _LEB + rb")",
    rb"[\x07\x09\x18]" + _LEB,
    rb"[\x0a\x19]",
    rb"\xfc\x08" + _LEB + _LEB,
    rb"\xfc\x09" + _LEB,
)
"""Legacy tries and handlers, and what names data segments."""
_CHANGES_TABLE = rb"\x26|\xfc[\x0c\x0e\x0f\x11]"
"""table.set, table.init, table.copy, table.grow and table.fill."""
TABLE_PRESERVING_RUN = re.compile(
    b"(?>(?!"
    + _CHANGES_TABLE
    + b")(?>"
    + b"|".join((*_PLAIN, *_BLOCKS_AND_BRANCHES, *_EXCEPTIONAL))
    + b"))++",
    re.DOTALL,
)
"""A run of instructions that are no `br_table`, no `try_table`, and leave tables as they are."""
