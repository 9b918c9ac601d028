"""A read-only filesystem packed into one file, which is mapped and not unpacked.

The file holds, one after the other: `MAGIC`; the length of the header as a
little-endian u64; the header, a JSON object that nests as directories do, where a
file is `name: [offset, size]` and a directory is `name: {...}`; and the contents of
all files, from whose beginning the offsets count. `image_writing` makes such files.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from hermetic_runtime.kernel.attributes import Attributes, DirectoryEntry
from hermetic_runtime.kernel.constants import GID, S_IFDIR, S_IFREG, UID
from hermetic_runtime.kernel.filesystem import (
    BLOCK_BYTES,
    FIRST_POSITION,
    Directory,
    File,
    Filesystem,
    Node,
)

MAGIC = b"HERMETI\x01"
LENGTH_BYTES = 8
_TIME_NS = 315_532_800 * 10**9
"""1980-01-01, the earliest time that a zip archive can hold."""


class DamagedImage(ValueError):
    """The file is not an image, or not all of one."""


class ImageFilesystem(Filesystem):
    """Nodes are made when they are first asked for, and kept. Several kernels may share
    one image, from several threads.
    """

    def __init__(self, tree: dict[str, Any], contents: memoryview) -> None:
        super().__init__()
        self.contents = contents
        self._inodes = 0
        self._root = ImageDirectory(self, None, b"", tree)

    @property
    def root(self) -> ImageDirectory:
        return self._root

    @classmethod
    def load(cls, path: Path) -> ImageFilesystem:
        """Map an image. Raises `DamagedImage` and `OSError`."""
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise DamagedImage(f"{path} is empty")
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        start = len(MAGIC) + LENGTH_BYTES
        if len(data) < start or bytes(data[: len(MAGIC)]) != MAGIC:
            raise DamagedImage(f"{path} is not an image of files")
        end = start + int.from_bytes(data[len(MAGIC) : start], "little")
        try:
            if end > len(data):
                raise ValueError("it is longer than the file")
            tree: object = json.loads(bytes(data[start:end]))
        except (ValueError, RecursionError) as error:
            raise DamagedImage(f"{path} has a damaged header: {error}") from error
        if not isinstance(tree, dict):
            raise DamagedImage(f"{path} has a header that is not an object")
        contents = data[end:]
        _check_tree(cast("dict[str, Any]", tree), len(contents), path)
        return cls(cast("dict[str, Any]", tree), contents)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """(path, contents) of every file."""
        pending: list[tuple[str, ImageDirectory]] = [("", self.root)]
        while pending:
            prefix, directory = pending.pop()
            for name in directory.names():
                node = directory.lookup(name)
                path = prefix + os.fsdecode(name)
                if isinstance(node, ImageDirectory):
                    pending.append((path + "/", node))
                elif isinstance(node, ImageFile):
                    yield path, bytes(node.read_at(0, node.size()))

    def next_inode(self) -> int:
        self._inodes += 1
        return self._inodes


def _check_tree(tree: dict[str, Any], size: int, path: Path) -> None:
    """Raises `DamagedImage`: later it would be a run that finds out, and ends for it."""
    pending: list[Any] = [tree]
    while pending:
        directory: dict[str, Any] = pending.pop()
        names = "/".join(directory)
        try:
            names.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise DamagedImage(f"{path} has a name that no file has: {error.reason}") from None
        if (
            "\0" in names
            or names.count("/") >= max(len(directory), 1)
            or not directory.keys().isdisjoint(("", ".", ".."))
        ):
            raise DamagedImage(f"{path} has a name that no file has")
        for name, found in directory.items():
            if type(found) is dict:
                pending.append(found)  # pyright: ignore[reportUnknownArgumentType]
            elif not _is_place(found, size):
                raise DamagedImage(f"{path}: the entry {name!r} points outside of it")


def _is_place(found: Any, size: int) -> bool:
    """Written for speed: a process that starts guests asks it of thousands."""
    if type(found) is not list or len(found) != 2:  # pyright: ignore[reportUnknownArgumentType]
        return False
    start, length = cast("list[Any]", found)
    return type(start) is type(length) is int and 0 <= start <= start + length <= size


class ImageNode(Node):
    """What files and directories share."""

    __slots__ = ("_filesystem", "inode", "mode")

    def __init__(self, filesystem: ImageFilesystem, mode: int) -> None:
        self._filesystem = filesystem
        self.inode = filesystem.next_inode()
        self.mode = mode

    @property
    def filesystem(self) -> ImageFilesystem:
        return self._filesystem

    def _attributes(self, links: int, size: int) -> Attributes:
        return Attributes(
            self._filesystem.device,
            self.inode,
            self.mode,
            links,
            UID,
            GID,
            size,
            0,
            _TIME_NS,
            _TIME_NS,
            _TIME_NS,
        )


class ImageFile(ImageNode, File):
    """Contents are slices of the mapped file."""

    __slots__ = ("_end", "_start")

    def __init__(self, filesystem: ImageFilesystem, start: int, size: int) -> None:
        super().__init__(filesystem, S_IFREG | 0o444)
        self._start = start
        self._end = start + size

    def attributes(self) -> Attributes:
        return self._attributes(1, self._end - self._start)

    def size(self) -> int:
        return self._end - self._start

    def read_at(self, offset: int, size: int) -> bytes | memoryview:
        start = self._start + offset
        return self._filesystem.contents[start : min(start + size, self._end)]


class ImageDirectory(ImageNode, Directory):
    """One object of the header."""

    __slots__ = ("_nodes", "_parent", "_tree", "name", "removed")

    def __init__(
        self,
        filesystem: ImageFilesystem,
        parent: ImageDirectory | None,
        name: bytes,
        tree: dict[str, Any],
    ) -> None:
        super().__init__(filesystem, S_IFDIR | 0o555)
        self._parent = parent or self
        self.name = name
        self.removed = False
        self._tree = tree
        self._nodes: dict[bytes, ImageNode] = {}

    @property
    def parent(self) -> ImageDirectory:
        return self._parent

    def attributes(self) -> Attributes:
        return self._attributes(2, BLOCK_BYTES)

    def names(self) -> list[bytes]:
        return [os.fsencode(name) for name in self._tree]

    def lookup(self, name: bytes) -> ImageNode | None:
        node = self._nodes.get(name)
        if node is None:
            found = self._tree.get(os.fsdecode(name))
            if found is not None:
                node = self._nodes.setdefault(name, self._create(name, found))
        return node

    def _create(self, name: bytes, found: object) -> ImageNode:
        if isinstance(found, dict):
            tree = cast("dict[str, Any]", found)
            return ImageDirectory(self._filesystem, self, name, tree)
        start, size = cast("tuple[int, int]", found)
        return ImageFile(self._filesystem, start, size)

    def scan(self, position: int) -> Iterator[DirectoryEntry]:
        for index, name in enumerate(self.names(), FIRST_POSITION):
            if index >= position:
                node = self.lookup(name)
                assert node is not None
                yield DirectoryEntry(node.inode, index + 1, node.mode >> 12, name)

    def is_empty(self) -> bool:
        return not self._tree
