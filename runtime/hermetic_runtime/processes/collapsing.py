"""Memory of this process on huge pages, for its forks. Linux only, since 6.1."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator

_HUGE_BYTES = 2 * 1024 * 1024
_PAGE_BYTES = os.sysconf("SC_PAGESIZE")
_PAGES = _HUGE_BYTES // _PAGE_BYTES
_DENSE_PAGES = _PAGES * 3 // 4
_IN_MEMORY = 1  # mincore(2)
_MADV_COLLAPSE = 25  # linux/mman.h
_ANONYMOUS = ("rw-p", "00000000", "00:00", "0")
"""Permissions, offset, device and inode (proc_pid_maps(5))."""


def collapse_memory() -> int:
    """Have the system gather what is in memory nearly whole into huge pages; how many.

    A fork that shares memory with this process then begins and ends faster: the system does for
    512 pages in one step what it does for each otherwise. What either writes to is copied in
    small pages, as before. It does nothing on a system that can't.
    """
    library = ctypes.CDLL(None)
    collapsed = 0
    for address in _huge_ranges():
        if _is_dense(library, address):
            collapsed += not library.madvise(
                ctypes.c_void_p(address), ctypes.c_size_t(_HUGE_BYTES), _MADV_COLLAPSE
            )
    return collapsed


def _huge_ranges() -> Iterator[int]:
    """Where a huge page might be, in memory that maps no file: the heaps of C and Python."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
    except OSError:
        return
    for line in lines:
        place, *kind = line.split(maxsplit=5)
        if tuple(kind[:4]) == _ANONYMOUS and kind[4:] in ([], ["[heap]\n"]):
            start, end = (int(address, 16) for address in place.split("-"))
            first = -(-start // _HUGE_BYTES) * _HUGE_BYTES
            yield from range(first, end - _HUGE_BYTES + 1, _HUGE_BYTES)


def _is_dense(library: ctypes.CDLL, address: int) -> bool:
    present = ctypes.create_string_buffer(_PAGES)
    if library.mincore(ctypes.c_void_p(address), ctypes.c_size_t(_HUGE_BYTES), present):
        return False
    return sum(byte & _IN_MEMORY for byte in present.raw) >= _DENSE_PAGES
