"""Which pages of a private mapping this process has written to. Linux only, since 6.7."""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct

_PAGEMAP_SCAN = 0xC0606610
"""_IOWR('f', 16, struct pm_scan_arg), linux/fs.h."""
_ARGUMENTS = struct.Struct("=12Q")
"""struct pm_scan_arg, linux/fs.h."""
_REGION = struct.Struct("=3Q")
"""struct page_region, linux/fs.h: start, end, categories."""
_IS_FILE, _IS_PRESENT, _IS_SWAPPED, _IS_ZERO = 1 << 2, 1 << 3, 1 << 4, 1 << 5
_MOST_REGIONS = 4096


def written_ranges(mapping: memoryview) -> list[tuple[int, int]] | None:
    """(start, end) in bytes of what is not, or not any more, a page of the mapped file.

    None when the system can't tell, or there are more ranges than are worth to be known.
    """
    address = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
    regions = bytearray(_REGION.size * _MOST_REGIONS)
    not_these = _IS_FILE | _IS_ZERO
    arguments = bytearray(
        _ARGUMENTS.pack(
            _ARGUMENTS.size,
            0,
            address,
            address + len(mapping),
            0,
            ctypes.addressof(ctypes.c_char.from_buffer(regions)),
            _MOST_REGIONS,
            0,
            not_these,
            not_these,
            _IS_PRESENT | _IS_SWAPPED,
            _IS_PRESENT,
        )
    )
    try:
        pages = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        try:
            count = fcntl.ioctl(pages, _PAGEMAP_SCAN, arguments)
        finally:
            os.close(pages)
    except OSError:
        return None
    if count == _MOST_REGIONS:
        return None
    found = _REGION.iter_unpack(memoryview(regions)[: count * _REGION.size])
    return [(start - address, end - address) for start, end, _ in found]
