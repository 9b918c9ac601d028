"""A filesystem that holds nothing, to put a writable layer over."""

from __future__ import annotations

import time
from collections.abc import Iterator

from hermetic_runtime.kernel.attributes import Attributes, DirectoryEntry
from hermetic_runtime.kernel.constants import GID, S_IFDIR, UID
from hermetic_runtime.kernel.filesystem import BLOCK_BYTES, Directory, Filesystem, Node


class EmptyFilesystem(Filesystem):
    """A root directory without entries."""

    def __init__(self) -> None:
        super().__init__()
        self._root = _EmptyDirectory(self)

    @property
    def root(self) -> Directory:
        return self._root


class _EmptyDirectory(Directory):
    __slots__ = ("_filesystem", "_made_ns", "mode", "name", "removed")

    def __init__(self, filesystem: EmptyFilesystem) -> None:
        self._filesystem = filesystem
        self._made_ns = time.time_ns()
        self.mode = S_IFDIR | 0o755
        self.name = b""
        self.removed = False

    @property
    def filesystem(self) -> Filesystem:
        return self._filesystem

    @property
    def parent(self) -> Directory:
        return self

    def attributes(self) -> Attributes:
        made = self._made_ns
        return Attributes(
            self._filesystem.device,
            1,
            self.mode,
            2,
            UID,
            GID,
            BLOCK_BYTES,
            0,
            made,
            made,
            made,
        )

    def lookup(self, name: bytes) -> Node | None:
        return None

    def scan(self, position: int) -> Iterator[DirectoryEntry]:
        return iter(())
