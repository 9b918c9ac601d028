"""Files and symlinks in memory, and what they share with directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetic_runtime.kernel.attributes import Attributes
from hermetic_runtime.kernel.constants import (
    FILE_SIZE_MAX,
    GID,
    S_IFLNK,
    S_IFMT,
    S_IFREG,
    UID,
)
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import File, Node, Symlink

if TYPE_CHECKING:
    from hermetic_runtime.kernel.memory import MemoryFilesystem

_LINKS_MAX = 65_000


class MemoryNode(Node):
    """What files, directories and symlinks in memory share."""

    __slots__ = ("_filesystem", "atime_ns", "ctime_ns", "inode", "links", "mode", "mtime_ns")

    def __init__(self, filesystem: MemoryFilesystem, mode: int) -> None:
        self._filesystem = filesystem
        self.inode = filesystem.next_inode()
        self.mode = mode
        self.links = 0
        self.atime_ns = self.mtime_ns = self.ctime_ns = filesystem.clock.wall_ns()

    @property
    def filesystem(self) -> MemoryFilesystem:
        return self._filesystem

    def stored_size(self) -> int:
        raise NotImplementedError

    def attributes(self) -> Attributes:
        return Attributes(
            self._filesystem.device,
            self.inode,
            self.mode,
            self.links,
            UID,
            GID,
            self.stored_size(),
            0,
            self.atime_ns,
            self.mtime_ns,
            self.ctime_ns,
        )

    def set_mode(self, permissions: int) -> None:
        self.mode = self.mode & S_IFMT | permissions & 0o7777
        self.ctime_ns = self._filesystem.clock.wall_ns()

    def set_times(self, atime_ns: int | None, mtime_ns: int | None) -> None:
        if atime_ns is not None:
            self.atime_ns = atime_ns
        if mtime_ns is not None:
            self.mtime_ns = mtime_ns
        self.ctime_ns = self._filesystem.clock.wall_ns()

    def modified(self) -> None:
        """Contents changed: keep the times."""
        self.mtime_ns = self.ctime_ns = self._filesystem.clock.wall_ns()

    def linked(self) -> None:
        """A directory entry now names this node."""
        if self.links >= _LINKS_MAX:
            raise Failure(Errno.EMLINK)
        self.links += 1
        self.ctime_ns = self._filesystem.clock.wall_ns()

    def unlinked(self) -> None:
        """One directory entry less names this node."""
        self.links -= 1
        self.ctime_ns = self._filesystem.clock.wall_ns()


class MemoryFile(MemoryNode, File):
    """Contents are kept while the file has a name or is open."""

    __slots__ = ("_data", "_descriptions")

    def __init__(self, filesystem: MemoryFilesystem, mode: int) -> None:
        super().__init__(filesystem, S_IFREG | mode)
        self._data = bytearray()
        self._descriptions = 0

    def size(self) -> int:
        return len(self._data)

    def stored_size(self) -> int:
        return self.size()

    def acquire(self) -> None:
        self._descriptions += 1

    def release(self) -> None:
        self._descriptions -= 1
        self._free_if_unused()

    def unlinked(self) -> None:
        super().unlinked()
        self._free_if_unused()

    def _free_if_unused(self) -> None:
        if self.links == 0 and self._descriptions == 0:
            self._filesystem.quota.release(len(self._data))
            self._data = bytearray()

    def read_at(self, offset: int, size: int) -> bytes | memoryview:
        with memoryview(self._data) as data:
            return data[offset : offset + size].tobytes()

    def write_at(self, offset: int, data: bytes | memoryview) -> int:
        if not data:
            return 0
        end = offset + len(data)
        self._grow(end, offset)
        self._data[offset:end] = data
        self.modified()
        return len(data)

    def resize(self, size: int) -> None:
        surplus = len(self._data) - size
        if surplus > 0:
            del self._data[size:]
            self._filesystem.quota.release(surplus)
        else:
            self._grow(size, size)
        self.modified()

    def _grow(self, size: int, zeros_until: int) -> None:
        """Charge for a size of `size`, and put zeros between the end and `zeros_until`."""
        present = len(self._data)
        if size > FILE_SIZE_MAX:
            raise Failure(Errno.EFBIG)
        if size > present:
            self._filesystem.quota.charge(size - present)
        if zeros_until > present:
            self._data.extend(bytes(zeros_until - present))


class MemorySymlink(MemoryNode, Symlink):
    """Charged for the length of its target while it has a name."""

    __slots__ = ("_target",)

    def __init__(self, filesystem: MemoryFilesystem, target: bytes) -> None:
        super().__init__(filesystem, S_IFLNK | 0o777)
        self._target = target

    def target(self) -> bytes:
        return self._target

    def stored_size(self) -> int:
        return len(self._target)

    def unlinked(self) -> None:
        super().unlinked()
        if self.links == 0:
            self._filesystem.quota.release(self.charged_size())

    def charged_size(self) -> int:
        """Bytes of the target that count against the quota."""
        return len(self._target)
