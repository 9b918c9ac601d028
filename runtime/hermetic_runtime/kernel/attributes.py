"""What stat and statfs tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Attributes:
    """Of one inode. `mode` includes the file type; times in nanoseconds since 1970."""

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


@dataclass(frozen=True, slots=True)
class FilesystemStatistics:
    """Of one filesystem, counted in blocks of `block_size` bytes."""

    block_size: int
    blocks: int
    blocks_free: int
    files: int
    files_free: int
    name_max: int
    flags: int


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """One name in a directory. `kind` is a DT_ constant; seeking to `next_position`
    goes on after this entry."""

    inode: int
    next_position: int
    kind: int
    name: bytes
