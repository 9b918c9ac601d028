"""A writable layer in memory over a read-only filesystem.

A node of the layer below is wrapped when it is looked up, and copied up when it first
changes. An unchanged wrapper lives as long as something refers to it; a changed one is
kept by its directory, and that by its own, up to the root. As in Linux's overlayfs,
renaming a directory of the layer below fails with EXDEV.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import count
from typing import NamedTuple

from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.constants import PATH_MAX
from hermetic_runtime.kernel.filesystem import Directory, Filesystem
from hermetic_runtime.kernel.memory import MemoryFilesystem
from hermetic_runtime.kernel.memory_directory import MemoryDirectory
from hermetic_runtime.kernel.overlay_directory import OverlayDirectory
from hermetic_runtime.kernel.overlay_nodes import OverlayFile, OverlayNode, OverlaySymlink
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.kernel.removals import Removals

_OWN_INODES = 1 << 62
"""Inodes of the layer below keep their numbers, which are smaller than this."""


class ChangeKind(StrEnum):
    """What became of a path."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    REMOVED = "removed"


class Change(NamedTuple):
    """One difference from the layer below. `path` is relative to its root; `data` is a
    file's contents or a symlink's target; `mode` is permission bits.
    """

    path: bytes
    kind: ChangeKind
    data: bytes = b""
    mode: int = 0


class OverlayFilesystem(MemoryFilesystem):
    """`lower`, made writable. What changes is counted against `quota`."""

    def __init__(self, lower: Filesystem, quota: Quota, clock: Clock | None = None) -> None:
        self._lower = lower
        self._removals = Removals()
        super().__init__(quota, clock)
        self.next_inode = count(_OWN_INODES).__next__

    def make_root(self) -> MemoryDirectory:
        return OverlayDirectory(self, self._removals, None, b"", 0o755, self._lower.root)

    def close(self) -> None:
        self._lower.close()

    def changes(self) -> Iterator[Change]:
        """What changed since the last call: removals, from the leaves to the root; then
        what is new, from the root to the leaves. Longer paths than a system call takes
        are left out. Nothing may change while this is iterated over.
        """
        for path in self._removals.take():
            yield Change(path, ChangeKind.REMOVED)
        reported: list[OverlayNode] = []
        for path, node in self._changed_nodes():
            yield _change(path, node)
            reported.append(node)
            self._removals.reported(path, is_directory=isinstance(node, Directory))
        for node in reported:
            node.changed = False

    def changed_files(self) -> Iterator[tuple[bytes, int]]:
        """(path, size in bytes) of the files that `changes` would report."""
        for path, node in self._changed_nodes():
            if isinstance(node, OverlayFile):
                yield path, node.size()

    def forget_changes(self) -> None:
        """Let `changes` report only what changes from now on."""
        for _, node in list(self._changed_nodes()):
            node.changed = False

    def _changed_nodes(self) -> Iterator[tuple[bytes, OverlayNode]]:
        """From the root to the leaves, without paths that are too long for a system call."""
        pending = [(b"", self.root)]
        while pending:
            prefix, directory = pending.pop()
            for name, node in directory.nodes():
                path = prefix + name
                if len(path) >= PATH_MAX or not isinstance(node, OverlayNode):
                    continue
                if node.changed:
                    yield path, node
                if isinstance(node, OverlayDirectory):
                    pending.append((path + b"/", node))


def _change(path: bytes, node: OverlayNode) -> Change:
    mode = node.mode & 0o777
    if isinstance(node, OverlayFile):
        return Change(path, ChangeKind.FILE, node.contents(), mode)
    if isinstance(node, OverlaySymlink):
        return Change(path, ChangeKind.SYMLINK, node.target(), mode)
    return Change(path, ChangeKind.DIRECTORY, b"", mode)
