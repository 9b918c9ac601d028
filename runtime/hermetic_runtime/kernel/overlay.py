"""A writable view of a read-only filesystem: what changes is kept in memory.

Nodes of the layer below are wrapped when they are looked up. A wrapper that is clean
lives only as long as something refers to it; one that changes is kept by its
directory, and its directory by its own parent, up to the root. As in Linux's
overlayfs, renaming a directory of the layer below fails with EXDEV.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from weakref import WeakValueDictionary

from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import Directory, File, Filesystem, Link, Node
from hermetic_runtime.kernel.memory import (
    MemoryDirectory,
    MemoryFile,
    MemoryFilesystem,
    MemoryLink,
    MemoryNode,
)
from hermetic_runtime.kernel.quota import Quota

_CHUNK = 1024 * 1024


class ChangeKind(StrEnum):
    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference from the layer below, by path relative to its root.

    `data` is a file's contents or a link's target; `mode` its permission bits.
    """

    path: bytes
    kind: ChangeKind
    data: bytes = b""
    mode: int = 0o644


class OverlayFile(MemoryFile):
    """A file: contents from `lower` until something is written."""

    def __init__(
        self,
        filesystem: MemoryFilesystem,
        mode: int,
        name: bytes,
        parent: OverlayDirectory,
        lower: File | None = None,
    ) -> None:
        super().__init__(filesystem, mode, len(name), charged=lower is None)
        self.name = name
        self.parent = parent
        self.lower = lower
        self.dirty = lower is None
        if lower is not None:
            below = lower.attributes()
            self.inode = below.inode
            self.accessed, self.modified, self.changed = (
                below.atime_ns,
                below.mtime_ns,
                below.ctime_ns,
            )

    @property
    def size(self) -> int:
        return len(self.data) if self.lower is None else self.lower.attributes().size

    def read(self, offset: int, size: int) -> bytes:
        if self.lower is not None:
            return bytes(self.lower.read(offset, size))
        return super().read(offset, size)

    def _copy_up(self, size: int) -> None:
        """Take the first `size` bytes of the lower file into memory, and let go of it."""
        self.dirty = True
        self.parent.keep_child(self.name, self)
        if self.lower is None:
            return
        lower, size = self.lower, min(size, self.size)
        self.filesystem.quota.charge_inode(len(self.name))
        try:
            self.filesystem.quota.charge_bytes(size)
        except Failure:
            self.filesystem.quota.release_inode(len(self.name))
            raise
        self.charged = True
        while len(self.data) < size:
            piece = lower.read(len(self.data), min(_CHUNK, size - len(self.data)))
            if not piece:
                self.filesystem.quota.charge_bytes(len(self.data) - size)
                break
            self.data += piece
        self.lower = None
        if self.is_open:
            lower.closed()

    def write(self, offset: int, data: bytes) -> int:
        self._copy_up(self.size)
        return super().write(offset, data)

    def truncate(self, size: int) -> None:
        self._copy_up(size)
        super().truncate(size)

    def change_mode(self, mode: int) -> None:
        self._copy_up(self.size)
        super().change_mode(mode)

    def opened(self) -> None:
        if self.lower is not None and not self.is_open:
            self.lower.opened()
        super().opened()

    def closed(self) -> None:
        super().closed()
        if self.lower is not None and not self.is_open:
            self.lower.closed()


class OverlayLink(MemoryLink):
    """A symbolic link; `fresh` when the guest made it."""

    def __init__(
        self, filesystem: MemoryFilesystem, target: bytes, name: bytes, *, fresh: bool
    ) -> None:
        super().__init__(filesystem, target, len(name), charged=fresh)
        self.fresh = fresh


class OverlayDirectory(MemoryDirectory):
    """A directory: its own children over those of `lower` that are not `hidden`."""

    filesystem: MemoryFilesystem

    def __init__(
        self,
        filesystem: MemoryFilesystem,
        mode: int,
        name: bytes,
        parent: OverlayDirectory | None,
        lower: Directory | None = None,
    ) -> None:
        super().__init__(filesystem, mode, len(name), charged=lower is None)
        self.name = name
        self.parent = parent
        self.lower = lower
        self.fresh = lower is None
        self.removals: list[tuple[bytes, bool]] = []
        self._hidden: set[bytes] = set()
        self._clean: WeakValueDictionary[bytes, MemoryNode] = WeakValueDictionary()

    def keep_child(self, name: bytes, child: MemoryNode) -> None:
        """Hold a child that changed, unless it has lost its name meanwhile."""
        if child.links and self._clean.get(name) is child:
            self.children[name] = child
            self.keep()

    def keep(self) -> None:
        if self.parent is not None:
            self.parent.keep_child(self.name, self)

    def lookup(self, name: bytes) -> Node | None:
        child = self.children.get(name) or self._clean.get(name)
        if child is None and self.lower is not None and name not in self._hidden:
            below = self.lower.lookup(name)
            if below is not None:
                child = self._clean[name] = self._wrap(name, below)
        return child

    def _wrap(self, name: bytes, below: Node) -> MemoryNode:
        mode = stat.S_IMODE(below.mode)
        if isinstance(below, Directory):
            return OverlayDirectory(self.filesystem, mode, name, self, below)
        if isinstance(below, Link):
            return OverlayLink(self.filesystem, below.target, name, fresh=False)
        if isinstance(below, File):
            return OverlayFile(self.filesystem, mode, name, self, below)
        raise Failure(Errno.EACCES)

    def names(self) -> Iterable[bytes]:
        names = dict.fromkeys(self.children)
        if self.lower is not None:
            names |= dict.fromkeys(name for name in self.lower.names() if name not in self._hidden)
        return names

    def _added(self, name: bytes) -> None:
        self._hidden.add(name)
        self._clean.pop(name, None)
        self.keep()

    def create_file(self, name: bytes, mode: int) -> File:
        file = self._add(name, OverlayFile(self.filesystem, mode, name, self))
        self._added(name)
        return file

    def make_directory(self, name: bytes, mode: int) -> Directory:
        child = self._add(name, OverlayDirectory(self.filesystem, mode, name, self))
        self.links += 1
        self._added(name)
        return child

    def make_link(self, name: bytes, target: bytes) -> None:
        self._add(name, OverlayLink(self.filesystem, target, name, fresh=True))
        self._added(name)

    def add_name(self, name: bytes, node: Node) -> None:
        """What is given back knows no hard links."""
        raise Failure(Errno.EPERM)

    def remove(self, name: bytes) -> None:
        node = self.lookup(name)
        if not isinstance(node, MemoryNode):
            raise Failure(Errno.ENOENT)
        if isinstance(node, OverlayDirectory):
            if any(True for _ in node.names()):
                raise Failure(Errno.ENOTEMPTY)
            self.removals += [(name + b"/" + inner, file) for inner, file in node.removals]
        self.children[name] = node
        super().remove(name)
        self._forget(name, is_file=isinstance(node, MemoryFile))

    def _forget(self, name: bytes, *, is_file: bool) -> None:
        """A name of the layer below must go from there too."""
        if self.lower is not None and name not in self._hidden:
            self.removals.append((name, is_file))
        self._added(name)

    def move(self, name: bytes, destination: Directory, new_name: bytes) -> None:
        node = self.lookup(name)
        if not isinstance(destination, OverlayDirectory) or (
            destination.filesystem is not self.filesystem
        ):
            raise Failure(Errno.EXDEV)
        if isinstance(node, OverlayDirectory) and not node.fresh:
            raise Failure(Errno.EXDEV)
        replaced = destination.lookup(new_name)
        if replaced is node:
            return
        if isinstance(node, OverlayFile):
            node.change_mode(stat.S_IMODE(node.mode))
        if isinstance(node, OverlayLink):
            self._move_link(name, node, destination, new_name, replaced)
            return
        if replaced is not None:
            destination.remove(new_name)
        super().move(name, destination, new_name)
        self._forget(name, is_file=isinstance(node, MemoryFile))
        destination._added(new_name)
        if isinstance(node, (OverlayFile, OverlayDirectory)):
            node.name, node.parent = new_name, destination
        if isinstance(node, OverlayFile):
            node.dirty = True

    def _move_link(
        self,
        name: bytes,
        link: OverlayLink,
        destination: OverlayDirectory,
        new_name: bytes,
        replaced: Node | None,
    ) -> None:
        if replaced is not None:
            destination.remove(new_name)
        destination.make_link(new_name, link.target)
        self.remove(name)

    def changes(self, prefix: bytes = b"") -> Iterator[Change]:
        """Removals first, then what is new; afterwards nothing counts as changed."""
        for path, was_file in self.removals:
            if not (was_file and isinstance(self.children.get(path), MemoryFile)):
                yield Change(prefix + path, ChangeKind.REMOVED)
        self.removals.clear()
        for name, child in self.children.items():
            yield from self._changes_of(prefix + name, child)

    @staticmethod
    def _changes_of(path: bytes, child: MemoryNode) -> Iterator[Change]:
        mode = stat.S_IMODE(child.mode) & 0o777
        if isinstance(child, OverlayDirectory):
            if child.fresh:
                yield Change(path, ChangeKind.DIRECTORY, b"", mode)
            yield from child.changes(path + b"/")
        elif isinstance(child, OverlayLink) and child.fresh:
            yield Change(path, ChangeKind.SYMLINK, child.target)
            child.fresh = False
        elif isinstance(child, OverlayFile) and child.dirty:
            yield Change(path, ChangeKind.FILE, bytes(child.data), mode)
            child.dirty = False


class OverlayFilesystem(MemoryFilesystem):
    """`lower`, writable; what is written counts against `quota`."""

    def __init__(self, lower: Filesystem, quota: Quota) -> None:
        super().__init__(quota)
        mode = stat.S_IMODE(lower.root.mode) | 0o700
        self.overlay_root = OverlayDirectory(self, mode, b"", None, lower.root)
        self.root = self.overlay_root

    def changes(self) -> list[Change]:
        """What differs from the layer below, since the last call."""
        return list(self.overlay_root.changes())
