"""A read-only filesystem packed into one file, which is mapped and not unpacked.

The file holds, one after the other: `SIZES`; the CRC-32 of that and of all listings (u32, little
endian); the listings of all directories; and the contents of all files. A listing is a JSON
object in which a file is `name: [offset, size]` of its contents, and a directory is
`name/: [offset, size]` of its listing. That of the root comes last. `image_writing` makes such
files.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

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

MAGIC = b"HERMETI\x02"
SIZES = struct.Struct("<8sQQQ")
"""`MAGIC`, and bytes of the root's listing, of all listings and of all contents."""
_CHECKSUM = struct.Struct("<I")
_TIME_NS = 315_532_800 * 10**9
"""1980-01-01, the earliest time that a zip archive can hold."""


class DamagedImage(ValueError):
    """The file is not an image, or not all of one."""


def checksum(sizes: bytes | memoryview, listings: bytes | memoryview) -> bytes:
    """What comes between the two."""
    return _CHECKSUM.pack(zlib.crc32(listings, zlib.crc32(sizes)))


class ListedEntry(NamedTuple):
    """Where the contents of a file are among all contents, or the listing of a directory
    among all listings; in bytes.
    """

    is_directory: bool
    start: int
    size: int

    @property
    def end(self) -> int:
        return self.start + self.size


class ImageFilesystem(Filesystem):
    """Listings are read and nodes made when they are first asked for, and kept. Several kernels
    may share one image, from several threads.
    """

    def __init__(self, listings: memoryview, root: int, contents: memoryview) -> None:
        """`root` is how many bytes of the listings are that of the root."""
        super().__init__()
        self.contents = contents
        self._listings = listings
        self._inodes = 0
        self._root = ImageDirectory(self, None, b"", ListedEntry(True, len(listings) - root, root))

    @property
    def root(self) -> ImageDirectory:
        return self._root

    @classmethod
    def load(cls, path: Path) -> ImageFilesystem:
        """Map an image. Raises `DamagedImage` and `OSError`."""
        with path.open("rb") as file:
            start = SIZES.size + _CHECKSUM.size
            if os.fstat(file.fileno()).st_size < start:
                raise DamagedImage(f"{path} is not an image of files")
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        magic, root, listings, contents = SIZES.unpack_from(data)
        if magic != MAGIC:
            raise DamagedImage(f"{path} is not an image of files")
        end = start + listings
        if not len(b"{}") <= root <= listings or end + contents != len(data):
            raise DamagedImage(f"{path} is not of the length that it says")
        if checksum(data[: SIZES.size], data[start:end]) != bytes(data[SIZES.size : start]):
            raise DamagedImage(f"{path} has damaged listings")
        return cls(data[start:end], root, data[end:])

    def listing(self, directory: ListedEntry) -> dict[bytes, ListedEntry]:
        """What a directory holds. Raises `DamagedImage`."""
        try:
            listing: object = json.loads(bytes(self._listings[directory.start : directory.end]))
            if not isinstance(listing, dict):
                raise ValueError("it is not an object")
            entries = dict(map(_read_entry, cast("dict[str, Any]", listing).items()))
            if len(entries) < len(cast("dict[str, Any]", listing)):
                raise ValueError("a name is both a file and a directory")
            for entry in entries.values():
                # A listing comes before that of its parent, so none can hold itself.
                if entry.end > (directory.start if entry.is_directory else len(self.contents)):
                    raise ValueError("an entry points outside of it")
        except (ValueError, TypeError, RecursionError) as error:
            raise DamagedImage(f"a damaged listing in an image: {error}") from error
        return entries

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


def _read_entry(item: tuple[str, Any]) -> tuple[bytes, ListedEntry]:
    """Raises `ValueError` and `TypeError`."""
    listed, place = item
    name = listed.removesuffix("/")
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"no file has the name {name!r}")
    start, size = place
    if not (type(start) is type(size) is int and start >= 0 and size >= 0):
        raise ValueError(f"{name!r} has no place in it")
    return os.fsencode(name), ListedEntry(name != listed, start, size)


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
    """A listing, which is read when something in it is first asked for."""

    __slots__ = ("_entries", "_entry", "_nodes", "_parent", "name", "removed")

    def __init__(
        self,
        filesystem: ImageFilesystem,
        parent: ImageDirectory | None,
        name: bytes,
        entry: ListedEntry,
    ) -> None:
        super().__init__(filesystem, S_IFDIR | 0o555)
        self._parent = parent or self
        self.name = name
        self.removed = False
        self._entry = entry
        self._entries: dict[bytes, ListedEntry] | None = None
        self._nodes: dict[bytes, ImageNode] = {}

    @property
    def parent(self) -> ImageDirectory:
        return self._parent

    def attributes(self) -> Attributes:
        return self._attributes(2, BLOCK_BYTES)

    def names(self) -> list[bytes]:
        return list(self._listing())

    def lookup(self, name: bytes) -> ImageNode | None:
        node = self._nodes.get(name)
        if node is None:
            entry = self._listing().get(name)
            if entry is not None:
                node = self._nodes.setdefault(name, self._create(name, entry))
        return node

    def _listing(self) -> dict[bytes, ListedEntry]:
        if self._entries is None:
            self._entries = self._filesystem.listing(self._entry)
        return self._entries

    def _create(self, name: bytes, entry: ListedEntry) -> ImageNode:
        if entry.is_directory:
            return ImageDirectory(self._filesystem, self, name, entry)
        return ImageFile(self._filesystem, entry.start, entry.size)

    def scan(self, position: int) -> Iterator[DirectoryEntry]:
        for index, name in enumerate(self.names(), FIRST_POSITION):
            if index >= position:
                node = self.lookup(name)
                assert node is not None
                yield DirectoryEntry(node.inode, index + 1, node.mode >> 12, name)

    def is_empty(self) -> bool:
        return not self._listing()
