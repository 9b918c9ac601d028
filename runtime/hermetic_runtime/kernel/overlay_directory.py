"""Directories of an overlay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from hermetic_runtime.kernel.attributes import Attributes, DirectoryEntry
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import FIRST_POSITION, Directory, File, Node, Symlink
from hermetic_runtime.kernel.memory_directory import MemoryDirectory
from hermetic_runtime.kernel.memory_nodes import MemoryFile, MemoryNode, MemorySymlink
from hermetic_runtime.kernel.overlay_nodes import OverlayFile, OverlayNode, OverlaySymlink
from hermetic_runtime.kernel.removals import Removals

if TYPE_CHECKING:
    from hermetic_runtime.kernel.memory import MemoryFilesystem

_OWN_POSITIONS = 1 << 48
"""In a listing, entries that the layer below has come first and have its positions."""


class OverlayDirectory(OverlayNode, MemoryDirectory):
    """Entries of its own, over those of `lower` that are not hidden."""

    __slots__ = ("_hidden", "_removals", "_wrappers", "changed", "home", "lower")

    def __init__(
        self,
        filesystem: MemoryFilesystem,
        removals: Removals,
        parent: MemoryDirectory | None,
        name: bytes,
        mode: int,
        lower: Directory | None = None,
    ) -> None:
        super().__init__(filesystem, parent, name, mode)
        self._removals = removals
        self.lower = lower
        self.changed = lower is None
        self.home = None
        self._hidden: set[bytes] = set()
        self._wrappers: WeakValueDictionary[bytes, OverlayNode] = WeakValueDictionary()

    def attributes(self) -> Attributes:
        """With one link, since nobody counted the directories below."""
        return super().attributes()._replace(links=0 if self.removed else 1)

    def lookup(self, name: bytes) -> Node | None:
        entry = self._entries.get(name)
        if entry is not None:
            return entry[0]
        if self.lower is None or name in self._hidden:
            return None
        wrapper = self._wrappers.get(name)
        if wrapper is None:
            lower = self.lower.lookup(name)
            wrapper = None if lower is None else self._wrap(name, lower)
            if wrapper is not None:
                self._wrappers[name] = wrapper
        return wrapper

    def _wrap(self, name: bytes, lower: Node) -> OverlayNode | None:
        if isinstance(lower, Directory):
            node = OverlayDirectory(self._filesystem, self._removals, self, name, 0, lower)
        elif isinstance(lower, File):
            node = OverlayFile(self._filesystem, 0, lower)
        elif isinstance(lower, Symlink):
            node = OverlaySymlink(self._filesystem, lower.target(), from_below=True)
        else:
            return None
        node.wrap(lower, (self, name))
        return node

    def hold(self, name: bytes, node: OverlayNode) -> None:
        """Keep a wrapper from now on."""
        self._entries[name] = (node, self._next_position())
        self._wrappers.pop(name, None)

    def _is_below(self, name: bytes) -> bool:
        return self.lower is not None and self.lower.lookup(name) is not None

    def scan(self, position: int) -> Iterator[DirectoryEntry]:
        if self.lower is not None and position < _OWN_POSITIONS:
            for entry in self.lower.scan(position):
                own = self._entries.get(entry.name)
                if own is not None:
                    yield entry._replace(inode=own[0].inode, kind=own[0].mode >> 12)
                elif entry.name not in self._hidden:
                    yield entry
        for entry in super().scan(max(position - _OWN_POSITIONS, FIRST_POSITION)):
            if not self._is_below(entry.name):
                yield entry._replace(next_position=entry.next_position + _OWN_POSITIONS)

    def is_empty(self) -> bool:
        return next(self.scan(FIRST_POSITION), None) is None

    def new_file(self, name: bytes, permissions: int) -> MemoryFile:
        return OverlayFile(self._filesystem, permissions)

    def new_directory(self, name: bytes, permissions: int) -> MemoryDirectory:
        return OverlayDirectory(self._filesystem, self._removals, self, name, permissions)

    def new_symlink(self, name: bytes, target: bytes) -> MemorySymlink:
        return OverlaySymlink(self._filesystem, target)

    def link(self, name: bytes, node: Node) -> None:
        assert isinstance(node, OverlayNode)
        node.copy_up()
        super().link(name, node)
        node.changed = True

    def remove(self, name: bytes) -> None:
        node = self.lookup(name)
        assert isinstance(node, OverlayNode)
        self.keep()
        self._hide(name, node)
        if name in self._entries:
            super().remove(name)
        else:
            node.unlinked()
            self.modified()

    def move(self, name: bytes, target: Directory, new_name: bytes) -> None:
        node, replaced = self.lookup(name), target.lookup(new_name)
        assert isinstance(node, OverlayNode) and isinstance(target, OverlayDirectory)
        if isinstance(node, OverlayDirectory) and node.lower is not None:
            raise Failure(Errno.EXDEV)
        self.keep()
        target.keep()
        node.copy_up()
        if isinstance(replaced, OverlayNode):
            replaced.keep()
        super().move(name, target, new_name)
        if isinstance(replaced, OverlayNode):
            target._hide(new_name, replaced)
        self._hide(name, node)
        self._removals.made_again(
            target.path_to(new_name), is_directory=isinstance(node, Directory)
        )
        _mark_changed(node)

    def _add(self, name: bytes, node: MemoryNode) -> None:
        self.keep()
        super()._add(name, node)
        is_directory = isinstance(node, Directory)
        self._removals.made_again(self.path_to(name), is_directory=is_directory)

    def _hide(self, name: bytes, node: OverlayNode) -> None:
        """Show what is below by this name no more, and have its removal reported."""
        removals, path = self._removals, self.path_to(name)
        if isinstance(node, Directory):
            removals.add_below(path)
        is_below = self._is_below(name)
        if is_below or removals.is_reported(path):
            removals.add(path, is_directory=isinstance(node, Directory))
        if is_below:
            self._hidden.add(name)
        self._wrappers.pop(name, None)

    def path_to(self, name: bytes) -> bytes:
        """The path of an entry, relative to the filesystem's root."""
        names = [name]
        directory: MemoryDirectory = self
        while directory.parent is not directory:
            names.append(directory.name)
            directory = directory.parent
        return b"/".join(reversed(names))


def _mark_changed(node: OverlayNode) -> None:
    pending: list[MemoryNode] = [node]
    while pending:
        node_below = pending.pop()
        if isinstance(node_below, OverlayNode):
            node_below.changed = True
        if isinstance(node_below, OverlayDirectory):
            pending += [below for _, below in node_below.nodes()]
