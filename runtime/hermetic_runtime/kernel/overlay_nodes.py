"""Files and symlinks of an overlay, and what they share with its directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetic_runtime.kernel.errno import Failure
from hermetic_runtime.kernel.filesystem import File, Node
from hermetic_runtime.kernel.memory_nodes import MemoryFile, MemoryNode, MemorySymlink
from hermetic_runtime.kernel.quota import ENTRY_BYTES

if TYPE_CHECKING:
    from hermetic_runtime.kernel.memory import MemoryFilesystem
    from hermetic_runtime.kernel.overlay_directory import OverlayDirectory

_COPY_BYTES = 1024 * 1024


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
