"""Pages of a file in the place of memory, each of which is copied when it is written to."""

from __future__ import annotations

import ctypes
import mmap
import sys

from hermetic_runtime.sessions.pages import PAGE_BYTES

_mmap = ctypes.CDLL(None).mmap
_mmap.restype = ctypes.c_void_p
_CAN_MAP = sys.platform == "linux" and mmap.PAGESIZE == PAGE_BYTES
_MAP_FIXED = 0x10  # asm-generic/mman-common.h


def map_file(descriptor: int, position: int, target: memoryview) -> bool:
    """Whether `target` is now what the file has from `position` on; all three are whole pages.
    False where the system can't: then nothing has changed.

    The file must be as long and stay so: whoever reads what it does not have any more is ended
    by SIGBUS. `target` belongs to memory that is unmapped as a whole, this with it.
    """
    address = ctypes.addressof(ctypes.c_char.from_buffer(target))
    if not _CAN_MAP or (address | position | len(target)) % PAGE_BYTES:
        return False
    mapped = _mmap(
        ctypes.c_void_p(address),
        ctypes.c_size_t(len(target)),
        mmap.PROT_READ | mmap.PROT_WRITE,
        mmap.MAP_PRIVATE | _MAP_FIXED,
        descriptor,
        ctypes.c_long(position),
    )
    return mapped == address
