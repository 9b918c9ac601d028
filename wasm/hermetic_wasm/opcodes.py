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
RETURN = 0x0F
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
    # unreachable, nop, throw_ref, return, drop, select, numeric, ref.is_null, ref.eq,
    # ref.as_non_null
    rb"[\x00\x01\x0a\x0f\x1a\x1b\x45-\xc4\xd1\xd3\xd4]",
    # throw, call, return_call, call_ref, return_call_ref, locals, globals, tables,
    # memory.size, memory.grow, i32.const, i64.const, ref.null, ref.func
    rb"[\x08\x10\x12\x14\x15\x20-\x26\x3f-\x42\xd0\xd2]" + _LEB,
    # call_indirect, return_call_indirect
    rb"[\x11\x13]" + _LEB + _LEB,
    # select with a type
    rb"\x1c\x01" + _VALUE_TYPE,
    # loads and stores
    rb"[\x28-\x3e]" + _MEMORY_ARGUMENT,
    rb"\x43[\x00-\xff]{4}",
    rb"\x44[\x00-\xff]{8}",
    # saturating conversions
    rb"\xfc[\x00-\x07]",
    # memory.copy, table.init, table.copy
    rb"\xfc[\x0a\x0c\x0e]" + _LEB + _LEB,
    # memory.fill, elem.drop, table.grow, table.size, table.fill
    rb"\xfc[\x0b\x0d\x0f-\x11]" + _LEB,
    # vectors: loads and stores, constants, lanes, arithmetic
    rb"\xfd[\x00-\x0b\x5c\x5d]" + _MEMORY_ARGUMENT,
    rb"\xfd[\x0c\x0d][\x00-\xff]{16}",
    rb"\xfd[\x15-\x22][\x00-\xff]",
    rb"\xfd[\x54-\x5b]" + _MEMORY_ARGUMENT + rb"[\x00-\xff]",
    rb"\xfd(?:[\x0e-\x14\x23-\x53\x5e-\x7f]|[\x80-\xff][\x01-\x03])",
    # atomics: memory accesses, fence
    rb"\xfe(?:[\x00-\x02\x10-\x4e]" + _MEMORY_ARGUMENT + rb"|\x03\x00)",
)
PLAIN_RUN = re.compile(b"(?>" + b"|".join(_PLAIN) + b")++", re.DOTALL)
"""A run of instructions that hold no label and open or close no block.

Opcodes with a prefix match in their shortest encoding only, the one that tools emit:
another would be read as a different instruction. `memory.init` and `data.drop` are left
out, since the data segments that they name may be moved.
"""
