"""A directory whose entries are given by the system, and which never changes."""

from __future__ import annotations

from collections.abc import Iterator

from hermetic_runtime.kernel.attributes import Attributes, DirectoryEntry
from hermetic_runtime.kernel.constants import GID, S_IFDIR, UID
from hermetic_runtime.kernel.filesystem import BLOCK_BYTES, Directory, Filesystem, Node


class ImmutableDirectory(Directory):
    """A directory without entries; who has some overrides `lookup`, and `scan` to list them."""

    __slots__ = ("_attributes", "_filesystem", "_parent", "mode", "name", "removed")

    def __init__(
        self,
        filesystem: Filesystem,
        parent: Directory | None,
        name: bytes,
        *,
        inode: int,
        permissions: int,
        made_ns: int = 0,
    ) -> None:
        """Without a parent it is the root. `made_ns` is in nanoseconds since 1970."""
        self._filesystem = filesystem
        self._parent = parent or self
        self.name = name
        self.mode = S_IFDIR | permissions
        self.removed = False
        self._attributes = Attributes(
            filesystem.device,
            inode,
            self.mode,
            2,
            UID,
            GID,
            BLOCK_BYTES,
            0,
            made_ns,
            made_ns,
            made_ns,
        )

    @property
    def filesystem(self) -> Filesystem:
        return self._filesystem

    @property
    def parent(self) -> Directory:
        return self._parent

    def attributes(self) -> Attributes:
        return self._attributes

    def lookup(self, name: bytes) -> Node | None:
        return None

    def scan(self, position: int) -> Iterator[DirectoryEntry]:
        return iter(())
