"""Pages of a file in the place of memory, each of which is copied when it is written to."""

from __future__ import annotations

import ctypes
import mmap
import sys

from hermetic_runtime.sessions.pages import PAGE_BYTES

_CAN_MAP = sys.platform == "linux" and mmap.PAGESIZE == PAGE_BYTES
_MAP_FIXED = 0x10  # asm-generic/mman-common.h
_mmap = ctypes.CDLL(None, use_errno=True).mmap
_mmap.restype = ctypes.c_void_p
_mmap.argtypes = [
    *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int),
    *(ctypes.c_int, ctypes.c_int, ctypes.c_long),
]


def map_file(descriptor: int, position: int, target: memoryview) -> bool:
    """Whether `target` is now what the file has from `position` on, in bytes. It is not, and has
    not changed, where the system can't do that, or where one of both is not whole pages.

    The file must be as long and stay so: whoever reads what it does not have any more is ended
    by SIGBUS. `target` belongs to memory that is unmapped as a whole, this with it. Raises
    `OSError` when the system refuses; what is in `target` is then of no use.
    """
    address = ctypes.addressof(ctypes.c_char.from_buffer(target))
    if not _CAN_MAP or (address | position | len(target)) % PAGE_BYTES:
        return False
    protection, kind = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | _MAP_FIXED
    if _mmap(address, len(target), protection, kind, descriptor, position) != address:
        raise OSError(ctypes.get_errno(), "a file can't be mapped")
    return True
