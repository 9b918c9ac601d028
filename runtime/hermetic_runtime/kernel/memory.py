"""A filesystem in memory, as tmpfs is: everything in it is counted against a quota."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from hermetic_runtime.kernel.attributes import Attributes, DirectoryEntry, FilesystemStatistics
from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.constants import (
    FILE_SIZE_MAX,
    GID,
    NAME_MAX,
    S_IFDIR,
    S_IFLNK,
    S_IFMT,
    S_IFREG,
    UID,
)
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import (
    BLOCK_BYTES,
    FIRST_POSITION,
    Directory,
    File,
    Filesystem,
    Node,
    Symlink,
)
from hermetic_runtime.kernel.quota import ENTRY_BYTES, Quota
from hermetic_runtime.kernel.tree_bounds import check_place

_LINKS_MAX = 65_000


class MemoryFilesystem(Filesystem):
    """Access times are not kept up, as on a Linux filesystem mounted with noatime."""

    writable = True

    def __init__(self, quota: Quota, clock: Clock | None = None) -> None:
        super().__init__()
        self.quota = quota
        self.clock = clock or Clock()
        self.next_inode = count(1).__next__
        self._root = self.make_root()

    @property
    def root(self) -> MemoryDirectory:
        return self._root

    def make_root(self) -> MemoryDirectory:
        return MemoryDirectory(self, None, b"", 0o755)

    def statistics(self) -> FilesystemStatistics:
        quota = self.quota
        return FilesystemStatistics(
            block_size=BLOCK_BYTES,
            blocks=quota.disk_bytes // BLOCK_BYTES,
            blocks_free=max(0, quota.disk_bytes - quota.bytes_used) // BLOCK_BYTES,
            files=quota.files,
            files_free=max(0, quota.files - quota.files_used),
            name_max=NAME_MAX,
            flags=0,
        )


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
