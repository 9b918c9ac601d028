"""Files, symlinks and directories of an overlay."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakValueDictionary

from hermetic_runtime.kernel.attributes import Attributes, DirectoryEntry
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import FIRST_POSITION, Directory, File, Node, Symlink
from hermetic_runtime.kernel.memory import (
    MemoryDirectory,
    MemoryFile,
    MemoryFilesystem,
    MemoryNode,
    MemorySymlink,
)
from hermetic_runtime.kernel.quota import ENTRY_BYTES
from hermetic_runtime.kernel.removals import Removals

_COPY_BYTES = 1024 * 1024
_OWN_POSITIONS = 1 << 48
"""In a listing, entries that the layer below has come first and have its positions."""


class OverlayNode(MemoryNode):
    """`changed` says that `OverlayFilesystem.changes` has this to report. `home` is where
    an unchanged wrapper was looked up; None once a directory keeps it, or it is gone.
    """

    __slots__ = ()

    changed: bool
    home: tuple[OverlayDirectory, bytes] | None

    def wrap(self, lower: Node, home: tuple[OverlayDirectory, bytes] | None) -> None:
        """Look like `lower`."""
        found = lower.attributes()
        self.inode = found.inode
        self.mode = found.mode
        self.links = found.links
        self.atime_ns, self.mtime_ns, self.ctime_ns = found[-3:]
        self.changed = False
        self.home = home

    def keep(self) -> None:
        """Have this node kept by its directory, and so on up. Raises `Failure(ENOSPC)`."""
        loose: list[tuple[OverlayNode, OverlayDirectory, bytes]] = []
        node: OverlayNode = self
        while node.home is not None:
            loose.append((node, *node.home))
            node = node.home[0]
        size = sum(ENTRY_BYTES + len(name) for _, _, name in loose)
        self._filesystem.quota.charge(size, len(loose))
        for node, directory, name in loose:
            directory.hold(name, node)
            node.home = None

    def copy_up(self) -> None:
        """Depend on the layer below no longer. Raises `Failure`."""
        self.keep()

    def set_mode(self, permissions: int) -> None:
        self.copy_up()
        super().set_mode(permissions)
        self.changed = True

    def set_times(self, atime_ns: int | None, mtime_ns: int | None) -> None:
        self.keep()
        super().set_times(atime_ns, mtime_ns)

    def unlinked(self) -> None:
        super().unlinked()
        self.home = None


class OverlaySymlink(OverlayNode, MemorySymlink):
    """A symlink of either layer. The target of one that was made by the layer below is
    not counted, whatever becomes of it.
    """

    __slots__ = ("changed", "from_below", "home")

    def __init__(
        self, filesystem: MemoryFilesystem, target: bytes, *, from_below: bool = False
    ) -> None:
        super().__init__(filesystem, target)
        self.from_below = from_below
        self.changed = True
        self.home = None

    def charged_size(self) -> int:
        return 0 if self.from_below else super().charged_size()


class OverlayFile(OverlayNode, MemoryFile):
    """Has the contents of `lower` until they change."""

    __slots__ = ("changed", "home", "lower")

    def __init__(self, filesystem: MemoryFilesystem, mode: int, lower: File | None = None) -> None:
        super().__init__(filesystem, mode)
        self.lower = lower
        self.changed = True
        self.home = None

    def contents(self) -> bytes:
        """What was written. Only for a file that changed."""
        return bytes(self._data)

    def size(self) -> int:
        return super().size() if self.lower is None else self.lower.size()

    def acquire(self) -> None:
        if self.lower is not None:
            self.lower.acquire()
        super().acquire()

    def release(self) -> None:
        if self.lower is not None:
            self.lower.release()
        super().release()

    def read_at(self, offset: int, size: int) -> bytes | memoryview:
        if self.lower is not None:
            return self.lower.read_at(offset, size)
        return super().read_at(offset, size)

    def write_at(self, offset: int, data: bytes | memoryview) -> int:
        self.copy_up()
        self.changed = True
        return super().write_at(offset, data)

    def resize(self, size: int) -> None:
        self._copy_up_to(size)
        self.changed = True
        super().resize(size)

    def copy_up(self) -> None:
        if self.lower is not None:
            self._copy_up_to(self.size())

    def _copy_up_to(self, size: int) -> None:
        """Take over the first `size` bytes."""
        lower = self.lower
        if lower is None:
            return
        self.keep()
        lower.acquire()
        try:
            self._copy(lower, size)
        finally:
            lower.release()
        for _ in range(self._descriptions):
            lower.release()
        self.lower = None

    def _copy(self, lower: File, size: int) -> None:
        quota = self._filesystem.quota
        data = bytearray()
        try:
            while piece := lower.read_at(len(data), min(_COPY_BYTES, size - len(data))):
                quota.charge(len(piece))
                data += piece
        except Failure:
            quota.release(len(data))
            raise
        self._data = data


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
