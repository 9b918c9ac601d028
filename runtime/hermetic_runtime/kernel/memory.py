"""A filesystem in memory, counted against a quota."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterable
from typing import TypeVar

from hermetic_runtime.kernel.attributes import Attributes, FilesystemStatistics
from hermetic_runtime.kernel.constants import GUEST_GID, GUEST_UID, NAME_MAX
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import Directory, File, Filesystem, Link, Node
from hermetic_runtime.kernel.quota import Quota

_AnyNode = TypeVar("_AnyNode", bound="MemoryNode")


class MemoryNode(Node):
    """What every node in memory has. `links` counts names; `extra_bytes` was charged
    beside the inode, for its first name and its target."""

    filesystem: MemoryFilesystem

    def __init__(
        self, filesystem: MemoryFilesystem, mode: int, extra_bytes: int, *, charged: bool = True
    ) -> None:
        if charged:
            filesystem.quota.charge_inode(extra_bytes)
        self.charged = charged
        self.filesystem = filesystem
        self.mode = mode
        self.links = 1
        self.inode = filesystem.next_inode()
        self.accessed = self.modified = self.changed = time.time_ns()
        self._extra_bytes = extra_bytes

    @property
    def size(self) -> int:
        return 0

    def attributes(self) -> Attributes:
        return Attributes(
            self.filesystem.device,
            self.inode,
            self.mode,
            self.links,
            GUEST_UID,
            GUEST_GID,
            self.size,
            0,
            self.accessed,
            self.modified,
            self.changed,
        )

    def change_mode(self, mode: int) -> None:
        self.mode = stat.S_IFMT(self.mode) | mode
        self.changed = time.time_ns()

    def change_times(self, accessed: int | None, modified: int | None) -> None:
        self.accessed = self.accessed if accessed is None else accessed
        self.modified = self.modified if modified is None else modified
        self.changed = time.time_ns()

    def touch(self) -> None:
        self.modified = self.changed = time.time_ns()

    def unlinked(self) -> None:
        """One name less; without names (and descriptors) the node gives back its quota."""
        self.links -= 1
        self.changed = time.time_ns()
        if self.links == 0:
            self.release()

    def release(self) -> None:
        if self.charged:
            self.filesystem.quota.release_inode(self._extra_bytes)


class MemoryFile(MemoryNode, File):
    """A regular file."""

    def __init__(
        self, filesystem: MemoryFilesystem, mode: int, extra_bytes: int, *, charged: bool = True
    ) -> None:
        super().__init__(filesystem, stat.S_IFREG | mode, extra_bytes, charged=charged)
        self.data = bytearray()
        self._open = 0

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, size: int) -> bytes:
        return bytes(self.data[offset : offset + size])

    def write(self, offset: int, data: bytes) -> int:
        end = offset + len(data)
        if end > len(self.data):
            self.filesystem.quota.charge_bytes(end - len(self.data))
            if offset > len(self.data):
                self.data.extend(bytes(offset - len(self.data)))
        self.data[offset:end] = data
        self.touch()
        return len(data)

    def truncate(self, size: int) -> None:
        self.filesystem.quota.charge_bytes(size - len(self.data))
        if size < len(self.data):
            del self.data[size:]
        else:
            self.data.extend(bytes(size - len(self.data)))
        self.touch()

    @property
    def is_open(self) -> bool:
        return self._open > 0

    def opened(self) -> None:
        self._open += 1

    def closed(self) -> None:
        self._open -= 1
        if self.links == 0:
            self.release()

    def release(self) -> None:
        if self._open:
            return
        self.filesystem.quota.charge_bytes(-len(self.data))
        self.data = bytearray()
        super().release()


class MemoryLink(MemoryNode, Link):
    """A symbolic link."""

    def __init__(
        self,
        filesystem: MemoryFilesystem,
        target: bytes,
        extra_bytes: int,
        *,
        charged: bool = True,
    ) -> None:
        size = extra_bytes + len(target)
        super().__init__(filesystem, stat.S_IFLNK | 0o777, size, charged=charged)
        self.target = target

    @property
    def size(self) -> int:
        return len(self.target)


class MemoryDirectory(MemoryNode, Directory):
    """A directory. `links` counts its own name, `.`, and the `..` of its children."""

    def __init__(
        self, filesystem: MemoryFilesystem, mode: int, extra_bytes: int, *, charged: bool = True
    ) -> None:
        super().__init__(filesystem, stat.S_IFDIR | mode, extra_bytes, charged=charged)
        self.links = 2
        self.children: dict[bytes, MemoryNode] = {}

    def lookup(self, name: bytes) -> Node | None:
        return self.children.get(name)

    def names(self) -> Iterable[bytes]:
        return self.children

    def create_file(self, name: bytes, mode: int) -> File:
        return self._add(name, MemoryFile(self.filesystem, mode, len(name)))

    def make_directory(self, name: bytes, mode: int) -> Directory:
        self._check_alive()
        self.links += 1
        try:
            return self._add(name, MemoryDirectory(self.filesystem, mode, len(name)))
        except Failure:
            self.links -= 1
            raise

    def make_mount_point(self, name: bytes) -> Directory:
        self.links += 1
        return self._add(name, MemoryDirectory(self.filesystem, 0o755, 0, charged=False))

    def make_link(self, name: bytes, target: bytes) -> None:
        self._add(name, MemoryLink(self.filesystem, target, len(name)))

    def add_name(self, name: bytes, node: Node) -> None:
        if not isinstance(node, MemoryNode) or isinstance(node, MemoryDirectory):
            raise Failure(Errno.EPERM)
        if node.filesystem is not self.filesystem:
            raise Failure(Errno.EXDEV)
        self._check_alive()
        node.links += 1
        node.changed = time.time_ns()
        self.children[name] = node
        self.touch()

    def _add(self, name: bytes, node: _AnyNode) -> _AnyNode:
        self._check_alive()
        self.children[name] = node
        self.touch()
        return node

    def _check_alive(self) -> None:
        """A directory that was removed while in use takes no new names."""
        if self.links == 0:
            raise Failure(Errno.ENOENT)

    def remove(self, name: bytes) -> None:
        node = self.children[name]
        if isinstance(node, MemoryDirectory):
            if node.children:
                raise Failure(Errno.ENOTEMPTY)
            self.links -= 1
            node.links = 1
        del self.children[name]
        node.unlinked()
        self.touch()

    def move(self, name: bytes, destination: Directory, new_name: bytes) -> None:
        if not isinstance(destination, MemoryDirectory) or (
            destination.filesystem is not self.filesystem
        ):
            raise Failure(Errno.EXDEV)
        destination._check_alive()
        node, replaced = self.children[name], destination.children.get(new_name)
        if replaced is node:
            return
        if replaced is not None:
            destination.remove(new_name)
        del self.children[name]
        destination.children[new_name] = node
        if isinstance(node, MemoryDirectory):
            self.links -= 1
            destination.links += 1
        node.changed = time.time_ns()
        self.touch()
        destination.touch()


class MemoryFilesystem(Filesystem):
    """Empty at first. Several may share one quota; a root is not charged to it."""

    read_only = False

    def __init__(self, quota: Quota) -> None:
        super().__init__()
        self.quota = quota
        self.root = MemoryDirectory(self, 0o755, 0, charged=False)

    def statistics(self) -> FilesystemStatistics:
        quota, block = self.quota, 4096
        return FilesystemStatistics(
            block,
            quota.disk_bytes // block,
            max(0, quota.disk_bytes - quota.bytes_used) // block,
            quota.files,
            max(0, quota.files - quota.files_used),
            NAME_MAX,
            0,
        )
