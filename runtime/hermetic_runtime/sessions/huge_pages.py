"""Huge pages for memory that is about to be filled."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterable

_HUGE_BYTES = 2 * 1024 * 1024
_DENSE_BYTES = 1024 * 1024
_ADVICE: int | None = getattr(mmap, "MADV_HUGEPAGE", None)


def ask_for_huge_pages(memory: memoryview, ranges: Iterable[tuple[int, int]]) -> None:
    """For those of `ranges`, in bytes, that are long enough to have any.

    With pages of 4 KiB, filling 100 MB takes 25,000 faults, which is longer than all else that
    is done for it. This is advice (madvise(2), MADV_HUGEPAGE), without effect on a system that
    has no such pages, and on what maps a file. It goes on to the end of the last one, where
    memory does.
    """
    if _ADVICE is None:
        return
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for start, end in ranges:
        if end - start >= _DENSE_BYTES:
            end += -(address + end) % _HUGE_BYTES
            size = min(end, len(memory)) - start
            ctypes.CDLL(None).madvise(
                ctypes.c_void_p(address + start), ctypes.c_size_t(size), _ADVICE
            )
