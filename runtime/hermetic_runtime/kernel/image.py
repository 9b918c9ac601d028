"""A read-only filesystem in one file, mapped and shared by every guest.

The file: `MAGIC`, the length of the index as u64 little-endian, the index in JSON,
then the contents one after the other. The index is a tree: a directory maps names
to its children, a file is [offset, size] with the offset counted from the contents.
"""

from __future__ import annotations

import json
import mmap
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hermetic_runtime.kernel.attributes import Attributes
from hermetic_runtime.kernel.filesystem import Directory, File, Filesystem, Node

MAGIC = b"HERMIMG1"
_LENGTH_BYTES = 8
_Tree = dict[str, Any]


class DamagedImage(ValueError):
    """The file is not an image, or is cut short."""


class ImageFile(File):
    """A slice of the mapped contents."""

    def __init__(self, filesystem: ImageFilesystem, offset: int, size: int) -> None:
        self.filesystem = filesystem
        self.mode = stat.S_IFREG | 0o444
        self._offset = offset
        self._size = size
        self._attributes = filesystem.fixed_attributes(filesystem.next_inode(), self.mode, size)

    def attributes(self) -> Attributes:
        return self._attributes

    def read(self, offset: int, size: int) -> memoryview:
        start = min(offset, self._size)
        end = min(start + size, self._size)
        return self.filesystem.contents[self._offset + start : self._offset + end]

    filesystem: ImageFilesystem


class ImageDirectory(Directory):
    """A directory of the index; nodes are made when they are first looked up."""

    filesystem: ImageFilesystem

    def __init__(self, filesystem: ImageFilesystem, tree: _Tree) -> None:
        self.filesystem = filesystem
        self.mode = stat.S_IFDIR | 0o555
        self._tree = tree
        self._nodes: dict[bytes, Node] = {}
        self._attributes = filesystem.fixed_attributes(filesystem.next_inode(), self.mode, 0)

    def attributes(self) -> Attributes:
        return self._attributes

    def lookup(self, name: bytes) -> Node | None:
        node = self._nodes.get(name)
        if node is None:
            found = self._tree.get(os.fsdecode(name))
            if found is None:
                return None
            if isinstance(found, dict):
                node = ImageDirectory(self.filesystem, found)
            else:
                node = ImageFile(self.filesystem, *found)
            self._nodes[name] = node
        return node

    def names(self) -> Iterable[bytes]:
        return [os.fsencode(name) for name in self._tree]


class ImageFilesystem(Filesystem):
    """One loaded image. Nodes are shared by all guests that mount it."""

    def __init__(self, index: _Tree, contents: memoryview) -> None:
        super().__init__()
        self.contents = contents
        self._index = index
        self.root = ImageDirectory(self, index)

    @classmethod
    def load(cls, path: Path) -> ImageFilesystem:
        """Map an image. Raises `DamagedImage`, and OSError when the file can't be read."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < len(MAGIC) + _LENGTH_BYTES:
                raise DamagedImage(f"{path} is not an image")
            mapped = memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ))
        if mapped[: len(MAGIC)] != MAGIC:
            raise DamagedImage(f"{path} is not an image")
        start = len(MAGIC) + _LENGTH_BYTES
        end = start + int.from_bytes(mapped[len(MAGIC) : start], "little")
        if end > size:
            raise DamagedImage(f"{path} is cut short")
        try:
            index = json.loads(bytes(mapped[start:end]))
        except ValueError as error:
            raise DamagedImage(f"{path} has a damaged index: {error}") from error
        return cls(index, mapped[end:])

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Path and contents of every file."""
        yield from self._files_under("", self._index)

    def _files_under(self, prefix: str, tree: _Tree) -> Iterator[tuple[str, bytes]]:
        for name, found in tree.items():
            if isinstance(found, dict):
                yield from self._files_under(f"{prefix}{name}/", found)
            else:
                offset, size = found
                yield f"{prefix}{name}", bytes(self.contents[offset : offset + size])


def write_image(path: Path, entries: Iterable[tuple[str, bytes]]) -> None:
    """Pack files, given as relative paths with `/` and their contents, into an image.

    The image appears under its name only when it is whole.
    """
    index: _Tree = {}
    offset = 0
    pieces: list[bytes] = []
    for name, data in entries:
        *folders, leaf = name.split("/")
        tree = index
        for folder in folders:
            tree = tree.setdefault(folder, {})
        tree[leaf] = [offset, len(data)]
        pieces.append(data)
        offset += len(data)
    packed = json.dumps(index, separators=(",", ":")).encode()
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("wb") as file:
        file.write(MAGIC + len(packed).to_bytes(_LENGTH_BYTES, "little") + packed)
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
