"""Structures of WASI preview1 (phases/snapshot/witx/wasi_snapshot_preview1.witx)."""

from __future__ import annotations

from struct import Struct

from hermetic_runtime.kernel.attributes import Attributes
from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.constants import O_APPEND, O_NONBLOCK
from hermetic_runtime.kernel.errno import Errno, Failure

_FILE_STATUS = Struct("<QQB7xQQQQQ")
_FILE_TYPES = {0o02: 2, 0o04: 3, 0o06: 1, 0o10: 4, 0o12: 7}
"""`filetype` by a mode's uppermost bits, which are also the kinds of directory entries:
character device, directory, block device, regular file, symbolic link; others are 0, unknown.
"""
DIRECTORY = 3

_ACCESS_TIME, _ACCESS_NOW, _MODIFICATION_TIME, _MODIFICATION_NOW = 1, 2, 4, 8
_APPEND, _NONBLOCK = 1, 4
_U64 = 2**64 - 1
_TIME_MAX = 2**63 - 1


def file_type(kind: int) -> int:
    """`filetype` of a mode shifted right by 12, or of a directory entry's kind."""
    return _FILE_TYPES.get(kind, 0)


def pack_status(found: Attributes) -> bytes:
    """`filestat`. Times that it can't express, before 1970 or after 2554, are the nearest."""
    return _FILE_STATUS.pack(
        found.device & _U64,
        found.inode & _U64,
        file_type(found.mode >> 12),
        found.links,
        found.size,
        min(max(found.atime_ns, 0), _U64),
        min(max(found.mtime_ns, 0), _U64),
        min(max(found.ctime_ns, 0), _U64),
    )


def chosen_times(
    clock: Clock, accessed: int, modified: int, chosen: int
) -> tuple[int | None, int | None]:
    """Access and modification time in ns as `fstflags` choose them; None leaves one as it is."""
    now = clock.wall_ns()
    return (
        _chosen_time(accessed, now, chosen & _ACCESS_TIME, chosen & _ACCESS_NOW),
        _chosen_time(modified, now, chosen & _MODIFICATION_TIME, chosen & _MODIFICATION_NOW),
    )


def _chosen_time(time: int, now: int, as_given: int, as_now: int) -> int | None:
    if as_given and as_now:
        raise Failure(Errno.EINVAL)
    if as_now:
        return now
    return min(time & _U64, _TIME_MAX) if as_given else None


def open_flags(flags: int) -> int:
    """The kernel's flags for `fdflags`. Writing is always synchronous here."""
    return (O_APPEND if flags & _APPEND else 0) | (O_NONBLOCK if flags & _NONBLOCK else 0)


def descriptor_flags(flags: int) -> int:
    """`fdflags` for the kernel's flags."""
    return (_APPEND if flags & O_APPEND else 0) | (_NONBLOCK if flags & O_NONBLOCK else 0)
