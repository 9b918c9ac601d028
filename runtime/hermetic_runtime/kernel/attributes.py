"""What is known about a file, a directory entry, and a filesystem."""

from __future__ import annotations

from typing import NamedTuple


class Attributes(NamedTuple):
    """As stat(2). Times are nanoseconds since 1970, `size` is in bytes, and `mode` holds
    the file type as well. A named tuple, because every stat of the guest makes one.
    """

    device: int
    inode: int
    mode: int
    links: int
    uid: int
    gid: int
    size: int
    rdev: int
    atime_ns: int
    mtime_ns: int
    ctime_ns: int


class DirectoryEntry(NamedTuple):
    """As getdents64(2). `kind` is a DT_ value, which is the file type of a mode, shifted
    right by 12; `next_position` is where to seek for the entry after this one.
    """

    inode: int
    next_position: int
    kind: int
    name: bytes


class FilesystemStatistics(NamedTuple):
    """As statvfs(3). Sizes are counted in blocks of `block_size` bytes."""

    block_size: int
    blocks: int
    blocks_free: int
    files: int
    files_free: int
    name_max: int
    flags: int
