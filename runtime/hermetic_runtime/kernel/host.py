"""A directory of the host, shown to the guest read-only.

Every component is opened relative to its parent's descriptor and never through a
symlink. A symlink is only read: where it leads is for the guest's namespace to say, so
nothing outside of the directory can be reached. Devices, fifos and sockets do not show.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice

from hermetic_runtime.kernel.attributes import Attributes, DirectoryEntry
from hermetic_runtime.kernel.constants import GID, NAME_MAX, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, UID
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import (
    FIRST_POSITION,
    Directory,
    File,
    Filesystem,
    Node,
    Symlink,
)

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OPEN_DIRECTORIES = 32
"""How many directories are kept open, whatever the guest refers to."""

_READ_BYTES = 16 * 1024 * 1024
"""Most bytes that one read gives: the host takes memory for them beforehand."""


@contextmanager
def _host_errors() -> Generator[None]:
    """The host's errors, as the guest's of the same name."""
    try:
        yield
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "EIO")
        raise Failure(Errno.__members__.get(name, Errno.EIO)) from error


class HostFilesystem(Filesystem):
    """What the open directory `descriptor` holds. The descriptor stays its giver's."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor = descriptor
        self._root = HostDirectory(self, None, b"", os.fstat(descriptor))
        self._open: OrderedDict[HostDirectory, int] = OrderedDict()

    @property
    def root(self) -> HostDirectory:
        return self._root

    def open_directory(self, directory: HostDirectory) -> int:
        """A descriptor that is good until the next call. Raises `OSError`."""
        missing: list[HostDirectory] = []
        while directory.parent is not directory and directory not in self._open:
            missing.append(directory)
            directory = directory.parent
        if directory.parent is directory:
            descriptor = self.descriptor
        else:
            self._open.move_to_end(directory)
            descriptor = self._open[directory]
        while missing:
            directory = missing.pop()
            descriptor = os.open(directory.name, _OPEN | os.O_DIRECTORY, dir_fd=descriptor)
            self._open[directory] = descriptor
            if len(self._open) > _OPEN_DIRECTORIES:
                os.close(self._open.popitem(last=False)[1])
        return descriptor

    def close(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])


class HostNode(Node):
    """What was found at a name of a directory. `found` is as of then, or of opening."""

    __slots__ = ("_filesystem", "found", "mode", "name")

    def __init__(self, filesystem: HostFilesystem, name: bytes, found: os.stat_result) -> None:
        self._filesystem = filesystem
        self.name = name
        self.found = found
        self.mode = found.st_mode & (S_IFMT | 0o777)

    @property
    def filesystem(self) -> HostFilesystem:
        return self._filesystem

    def attributes(self) -> Attributes:
        found = self.found
        return Attributes(
            self._filesystem.device,
            found.st_ino,
            self.mode,
            found.st_nlink,
            UID,
            GID,
            found.st_size,
            0,
            found.st_atime_ns,
            found.st_mtime_ns,
            found.st_ctime_ns,
        )


class HostFile(HostNode, File):
    """A regular file, open on the host while it is open in the guest."""

    __slots__ = ("_descriptions", "_descriptor", "_directory")

    def __init__(self, directory: HostDirectory, name: bytes, found: os.stat_result) -> None:
        super().__init__(directory.filesystem, name, found)
        self._directory = directory
        self._descriptor = -1
        self._descriptions = 0

    def attributes(self) -> Attributes:
        if self._descriptions:
            self.found = os.fstat(self._descriptor)
        return super().attributes()

    def size(self) -> int:
        return self.attributes().size

    def acquire(self) -> None:
        if self._descriptions == 0:
            with _host_errors():
                self._descriptor = self._open()
        self._descriptions += 1

    def _open(self) -> int:
        directory = self._filesystem.open_directory(self._directory)
        descriptor = os.open(self.name, _OPEN, dir_fd=directory)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise PermissionError(errno.EACCES, "no regular file any more")
        return descriptor

    def release(self) -> None:
        self._descriptions -= 1
        if self._descriptions == 0:
            os.close(self._descriptor)

    def read_at(self, offset: int, size: int) -> bytes:
        with _host_errors():
            return os.pread(self._descriptor, min(size, _READ_BYTES), offset)


class HostSymlink(HostNode, Symlink):
    """A symlink, wherever it leads."""

    __slots__ = ("_directory",)

    def __init__(self, directory: HostDirectory, name: bytes, found: os.stat_result) -> None:
        super().__init__(directory.filesystem, name, found)
        self._directory = directory

    def target(self) -> bytes:
        with _host_errors():
            directory = self._filesystem.open_directory(self._directory)
            return os.readlink(self.name, dir_fd=directory)


class HostDirectory(HostNode, Directory):
    """A directory. Two objects for one directory of the host are equal."""

    __slots__ = ("_parent", "removed")

    def __init__(
        self,
        filesystem: HostFilesystem,
        parent: HostDirectory | None,
        name: bytes,
        found: os.stat_result,
    ) -> None:
        super().__init__(filesystem, name, found)
        self._parent = parent or self
        self.removed = False

    @property
    def parent(self) -> HostDirectory:
        return self._parent

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, HostDirectory)
            and self._filesystem is other.filesystem
            and os.path.samestat(self.found, other.found)
        )

    def __hash__(self) -> int:
        return hash((self.found.st_dev, self.found.st_ino))

    def attributes(self) -> Attributes:
        if self.parent is self:
            self.found = os.fstat(self._filesystem.descriptor)
        return super().attributes()

    def lookup(self, name: bytes) -> Node | None:
        if len(name) > NAME_MAX:
            return None
        with _host_errors():
            directory = self._filesystem.open_directory(self)
            try:
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:
                return None
        if stat.S_ISREG(found.st_mode):
            return HostFile(self, name, found)
        if stat.S_ISDIR(found.st_mode):
            return HostDirectory(self._filesystem, self, name, found)
        if stat.S_ISLNK(found.st_mode):
            return HostSymlink(self, name, found)
        return None

    def scan(self, position: int) -> Iterator[DirectoryEntry]:
        """Streams, since there may be any number of entries."""
        with _host_errors():
            directory = self._filesystem.open_directory(self)
            # A descriptor of its own has an offset of its own.
            descriptor = os.open(b".", _OPEN | os.O_DIRECTORY, dir_fd=directory)
        try:
            with os.scandir(descriptor) as entries:
                shown = enumerate(_shown(entries), FIRST_POSITION)
                for index, (inode, kind, name) in islice(shown, position - FIRST_POSITION, None):
                    yield DirectoryEntry(inode, index + 1, kind, name)
        finally:
            os.close(descriptor)


def _shown(entries: Iterator[os.DirEntry[str]]) -> Iterator[tuple[int, int, bytes]]:
    while True:
        with _host_errors():
            entry = next(entries, None)
            if entry is None:
                return
            kind = _kind(entry)
        if kind:
            yield entry.inode(), kind >> 12, os.fsencode(entry.name)


def _kind(entry: os.DirEntry[str]) -> int:
    if entry.is_symlink():
        return S_IFLNK
    if entry.is_dir(follow_symlinks=False):
        return S_IFDIR
    return S_IFREG if entry.is_file(follow_symlinks=False) else 0
