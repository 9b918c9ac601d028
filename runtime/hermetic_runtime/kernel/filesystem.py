"""What a filesystem is to the rest of the kernel.

A filesystem is a tree of nodes. The base classes are a read-only filesystem: every
operation that changes something fails with EROFS until a subclass allows it.
"""

from __future__ import annotations

import itertools
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable

from hermetic_runtime.kernel.attributes import Attributes, FilesystemStatistics
from hermetic_runtime.kernel.constants import (
    DT_CHR,
    DT_DIR,
    DT_LNK,
    DT_REG,
    GUEST_GID,
    GUEST_UID,
    NAME_MAX,
    POLLIN,
    POLLOUT,
)
from hermetic_runtime.kernel.errno import Errno, Failure

_device_numbers = itertools.count(1)

_KINDS = {
    stat.S_IFREG: DT_REG,
    stat.S_IFDIR: DT_DIR,
    stat.S_IFLNK: DT_LNK,
    stat.S_IFCHR: DT_CHR,
}


class Node(ABC):
    """A file, directory, symbolic link or device. `mode` includes the file type."""

    filesystem: Filesystem
    mode: int

    @property
    def kind(self) -> int:
        """The DT_ constant of this node."""
        return _KINDS.get(stat.S_IFMT(self.mode), 0)

    @abstractmethod
    def attributes(self) -> Attributes: ...

    def change_mode(self, mode: int) -> None:
        """Set the permission bits."""
        raise Failure(Errno.EROFS)

    def change_times(self, accessed: int | None, modified: int | None) -> None:
        """Set times in nanoseconds; None leaves one as it is."""
        raise Failure(Errno.EROFS)


class File(Node):
    """A node with contents."""

    @abstractmethod
    def read(self, offset: int, size: int) -> bytes | memoryview: ...

    def write(self, offset: int, data: bytes) -> int:
        """`offset` may lie past the end: what is between reads as zeros."""
        raise Failure(Errno.EROFS)

    def append(self, data: bytes) -> int:
        """Write at the end; the offset after what was written."""
        offset = self.attributes().size
        return offset + self.write(offset, data)

    def truncate(self, size: int) -> None:
        raise Failure(Errno.EROFS)

    def opened(self) -> None:
        """A descriptor refers to the file: its contents must outlive its last name."""

    def closed(self) -> None:
        """One descriptor less refers to the file."""


class Device(Node):
    """A node that is read and written without an offset."""

    @abstractmethod
    def read(self, size: int) -> bytes: ...

    @abstractmethod
    def write(self, data: bytes) -> int: ...

    def poll(self) -> int:
        """The poll events that would not block now."""
        return POLLIN | POLLOUT


class Link(Node):
    """A symbolic link."""

    target: bytes


class Directory(Node):
    """A node with names."""

    @abstractmethod
    def lookup(self, name: bytes) -> Node | None:
        """The node called `name` (never `.` or `..`), or None."""

    @abstractmethod
    def names(self) -> Iterable[bytes]:
        """Names in the order in which they are listed."""

    def create_file(self, name: bytes, mode: int) -> File:
        raise Failure(Errno.EROFS)

    def make_directory(self, name: bytes, mode: int) -> Directory:
        raise Failure(Errno.EROFS)

    def make_mount_point(self, name: bytes) -> Directory:
        """An empty directory for the host to mount on, charged to nobody."""
        raise Failure(Errno.EROFS)

    def make_link(self, name: bytes, target: bytes) -> None:
        raise Failure(Errno.EROFS)

    def add_name(self, name: bytes, node: Node) -> None:
        """A hard link to a node of the same filesystem."""
        raise Failure(Errno.EROFS)

    def remove(self, name: bytes) -> None:
        """Remove a name that is there; an empty directory or anything else."""
        raise Failure(Errno.EROFS)

    def move(self, name: bytes, destination: Directory, new_name: bytes) -> None:
        """Rename within the filesystem; what has the new name is replaced."""
        raise Failure(Errno.EROFS)


class Filesystem(ABC):
    """A tree that can be mounted."""

    root: Directory
    read_only = True

    def __init__(self) -> None:
        self.device = next(_device_numbers)
        self._inodes = itertools.count(1)

    def next_inode(self) -> int:
        return next(self._inodes)

    def statistics(self) -> FilesystemStatistics:
        st_rdonly = 1
        return FilesystemStatistics(4096, 0, 0, 0, 0, NAME_MAX, st_rdonly if self.read_only else 0)

    def fixed_attributes(self, inode: int, mode: int, size: int, time_ns: int = 0) -> Attributes:
        """Attributes of a node that never changes."""
        return Attributes(
            device=self.device,
            inode=inode,
            mode=mode,
            links=1,
            uid=GUEST_UID,
            gid=GUEST_GID,
            size=size,
            rdev=0,
            atime_ns=time_ns,
            mtime_ns=time_ns,
            ctime_ns=time_ns,
        )
