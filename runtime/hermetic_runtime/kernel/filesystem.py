"""What a filesystem is to the rest of the kernel: nodes that form a tree.

Whether a call is allowed, and which error it gives, is decided outside, once for all
filesystems. Here every change is refused with EROFS; a writable filesystem overrides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from hermetic_runtime.kernel.attributes import Attributes, DirectoryEntry, FilesystemStatistics
from hermetic_runtime.kernel.constants import NAME_MAX, ST_RDONLY
from hermetic_runtime.kernel.errno import Errno, Failure

BLOCK_BYTES = 4096
FIRST_POSITION = 2
"""Where a directory's own entries begin: "." and ".." are at 0 and 1."""

_devices = count(1)


class Filesystem:
    """A tree of nodes."""

    writable = False

    def __init__(self) -> None:
        self.device = next(_devices)

    @property
    def root(self) -> Directory:
        """The top directory, which is its own parent."""
        raise NotImplementedError

    def statistics(self) -> FilesystemStatistics:
        return FilesystemStatistics(BLOCK_BYTES, 0, 0, 0, 0, NAME_MAX, ST_RDONLY)

    def close(self) -> None:
        """Let go of what the filesystem holds on the host. Nothing is used afterwards."""


class Node:
    """A file, directory, symlink or device. `mode` holds its type and permissions."""

    __slots__ = ("__weakref__",)

    mode: int

    @property
    def filesystem(self) -> Filesystem:
        raise NotImplementedError

    def attributes(self) -> Attributes:
        raise NotImplementedError

    def set_mode(self, permissions: int) -> None:
        raise Failure(Errno.EROFS)

    def set_times(self, atime_ns: int | None, mtime_ns: int | None) -> None:
        """None leaves a time as it is."""
        raise Failure(Errno.EROFS)

    def acquire(self) -> None:
        """An open file description now refers to this node."""

    def release(self) -> None:
        """An open file description has let go of this node."""


class File(Node):
    """A regular file. `read_at` and `write_at` come between `acquire` and `release`."""

    __slots__ = ()

    def size(self) -> int:
        raise NotImplementedError

    def read_at(self, offset: int, size: int) -> bytes | memoryview:
        """At most `size` bytes; none at or behind the end."""
        raise NotImplementedError

    def write_at(self, offset: int, data: bytes | memoryview) -> int:
        """The bytes written; a gap before `offset` is filled with zeros."""
        raise Failure(Errno.EROFS)

    def resize(self, size: int) -> None:
        """Cut off the end, or add zeros."""
        raise Failure(Errno.EROFS)


class Symlink(Node):
    """A symbolic link."""

    __slots__ = ()

    def target(self) -> bytes:
        raise NotImplementedError


class Device(Node):
    """A character device."""

    __slots__ = ()

    def read(self, size: int) -> bytes:
        raise NotImplementedError

    def write(self, data: bytes | memoryview) -> int:
        raise NotImplementedError


class Directory(Node):
    """A directory. Names given to the methods that change it are checked by the caller:
    not empty, no slash or NUL, short enough, and new where one is made.
    """

    __slots__ = ()

    name: bytes
    removed: bool
    permanent: bool = False
    """Whether the system made it, for good: the guest can neither remove nor rename it."""

    @property
    def parent(self) -> Directory:
        raise NotImplementedError

    def lookup(self, name: bytes) -> Node | None:
        raise NotImplementedError

    def scan(self, position: int) -> Iterator[DirectoryEntry]:
        """The entries from `position` on, which is `FIRST_POSITION` or some entry's
        `next_position`. Entries made or removed meanwhile may or may not appear; every
        other one appears exactly once.
        """
        raise NotImplementedError

    def nodes(self) -> Sequence[tuple[bytes, Node]]:
        """(name, node) of every entry that was made here, in a filesystem that can be
        written to.
        """
        return ()

    def is_empty(self) -> bool:
        return next(self.scan(FIRST_POSITION), None) is None

    def create_file(self, name: bytes, permissions: int) -> File:
        raise Failure(Errno.EROFS)

    def create_directory(self, name: bytes, permissions: int) -> Directory:
        raise Failure(Errno.EROFS)

    def create_symlink(self, name: bytes, target: bytes) -> Symlink:
        raise Failure(Errno.EROFS)

    def create_mount_point(self, name: bytes) -> Directory:
        """A directory that the system makes and the guest is not charged for."""
        raise Failure(Errno.EROFS)

    def link(self, name: bytes, node: Node) -> None:
        """Give a node of this filesystem, not a directory, one more name."""
        raise Failure(Errno.EROFS)

    def remove(self, name: bytes) -> None:
        """Remove an entry; a directory must be empty."""
        raise Failure(Errno.EROFS)

    def move(self, name: bytes, target: Directory, new_name: bytes) -> None:
        """Rename an entry within the filesystem, replacing what has the new name."""
        raise Failure(Errno.EROFS)
