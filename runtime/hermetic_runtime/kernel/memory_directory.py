"""Directories in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

from hermetic_runtime.kernel.attributes import DirectoryEntry
from hermetic_runtime.kernel.constants import S_IFDIR
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import (
    BLOCK_BYTES,
    FIRST_POSITION,
    Directory,
    File,
    Node,
    Symlink,
)
from hermetic_runtime.kernel.memory_nodes import MemoryFile, MemoryNode, MemorySymlink
from hermetic_runtime.kernel.quota import ENTRY_BYTES
from hermetic_runtime.kernel.tree_bounds import check_place

if TYPE_CHECKING:
    from hermetic_runtime.kernel.memory import MemoryFilesystem


class MemoryDirectory(MemoryNode, Directory):
    """Entries have positions that only grow, so that a listing goes on where it stopped
    whatever was made or removed meanwhile.
    """

    __slots__ = ("_entries", "_next_position", "_parent", "name", "permanent", "removed")

    def __init__(
        self,
        filesystem: MemoryFilesystem,
        parent: MemoryDirectory | None,
        name: bytes,
        mode: int,
    ) -> None:
        super().__init__(filesystem, S_IFDIR | mode)
        self.links = 2
        self._parent = parent or self
        self.name = name
        self.permanent = False
        self.removed = False
        self._entries: dict[bytes, tuple[MemoryNode, int]] = {}
        self._next_position = count(FIRST_POSITION).__next__

    @property
    def parent(self) -> MemoryDirectory:
        return self._parent

    def stored_size(self) -> int:
        return BLOCK_BYTES

    def linked(self) -> None:
        self.ctime_ns = self._filesystem.clock.wall_ns()

    def unlinked(self) -> None:
        self.removed = True
        self.links = 0

    def lookup(self, name: bytes) -> Node | None:
        entry = self._entries.get(name)
        return None if entry is None else entry[0]

    def scan(self, position: int) -> Iterator[DirectoryEntry]:
        entries = self._entries
        for name in list(entries):
            entry = entries.get(name)
            if entry is not None and entry[1] >= position:
                node, position = entry
                yield DirectoryEntry(node.inode, position + 1, node.mode >> 12, name)

    def is_empty(self) -> bool:
        return not self._entries

    def nodes(self) -> Sequence[tuple[bytes, MemoryNode]]:
        return [(name, node) for name, (node, _) in self._entries.items()]

    def create_file(self, name: bytes, permissions: int) -> File:
        file = self.new_file(name, permissions)
        self._add(name, file)
        return file

    def create_directory(self, name: bytes, permissions: int) -> Directory:
        directory = self.new_directory(name, permissions)
        self._add(name, directory)
        return directory

    def create_symlink(self, name: bytes, target: bytes) -> Symlink:
        symlink = self.new_symlink(name, target)
        self._filesystem.quota.charge(len(target))
        try:
            self._add(name, symlink)
        except Failure:
            self._filesystem.quota.release(len(target))
            raise
        return symlink

    def new_file(self, name: bytes, permissions: int) -> MemoryFile:
        return MemoryFile(self._filesystem, permissions)

    def new_directory(self, name: bytes, permissions: int) -> MemoryDirectory:
        return MemoryDirectory(self._filesystem, self, name, permissions)

    def new_symlink(self, name: bytes, target: bytes) -> MemorySymlink:
        return MemorySymlink(self._filesystem, target)

    def create_mount_point(self, name: bytes) -> Directory:
        directory = self.new_directory(name, 0o755)
        directory.permanent = True
        self._put(name, directory)
        return directory

    def link(self, name: bytes, node: Node) -> None:
        assert isinstance(node, MemoryNode)
        self._add(name, node)

    def remove(self, name: bytes) -> None:
        node = self._take(name)
        self._filesystem.quota.release(ENTRY_BYTES + len(name), 1)
        node.unlinked()

    def move(self, name: bytes, target: Directory, new_name: bytes) -> None:
        assert isinstance(target, MemoryDirectory)
        if target.removed:
            raise Failure(Errno.ENOENT)
        check_place(target, new_name, self.lookup(name))
        replaced = target.lookup(new_name)
        if replaced is None:
            self._charge_difference(len(new_name) - len(name))
        else:
            self._filesystem.quota.release(ENTRY_BYTES + len(name), 1)
        node = self._take(name)
        target._put(new_name, node)
        node.ctime_ns = self._filesystem.clock.wall_ns()
        if isinstance(replaced, MemoryNode):
            replaced.unlinked()

    def _charge_difference(self, size: int) -> None:
        if size > 0:
            self._filesystem.quota.charge(size)
        else:
            self._filesystem.quota.release(-size)

    def _add(self, name: bytes, node: MemoryNode) -> None:
        if self.removed:
            raise Failure(Errno.ENOENT)
        check_place(self, name)
        quota = self._filesystem.quota
        quota.charge(ENTRY_BYTES + len(name), 1)
        try:
            node.linked()
        except Failure:
            quota.release(ENTRY_BYTES + len(name), 1)
            raise
        self._put(name, node)

    def _put(self, name: bytes, node: MemoryNode) -> None:
        replaced = self._entries.get(name)
        if replaced is None:
            self._entries[name] = (node, self._next_position())
        else:
            self._entries[name] = (node, replaced[1])
            self.links -= isinstance(replaced[0], Directory)
        if isinstance(node, MemoryDirectory):
            node._parent, node.name = self, name
            self.links += 1
        self.modified()

    def _take(self, name: bytes) -> MemoryNode:
        node, _ = self._entries.pop(name)
        self.links -= isinstance(node, Directory)
        self.modified()
        return node
