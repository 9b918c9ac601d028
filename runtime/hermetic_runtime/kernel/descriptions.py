"""Open file descriptions: what one or more descriptors refer to, with offset and flags."""

from __future__ import annotations

from collections.abc import Iterator

from hermetic_runtime.kernel.attributes import Attributes, DirectoryEntry
from hermetic_runtime.kernel.constants import (
    FILE_SIZE_MAX,
    O_ACCMODE,
    O_APPEND,
    O_NONBLOCK,
    O_RDONLY,
    O_WRONLY,
    POLLIN,
    POLLOUT,
    SEEK_CUR,
    SEEK_END,
    SEEK_SET,
)
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import FIRST_POSITION, Device, Directory, File, Node

_STATUS_FLAGS = O_ACCMODE | O_APPEND | O_NONBLOCK
_CHANGEABLE = O_APPEND | O_NONBLOCK


class Description:
    """The base of all kinds. What a kind can't do fails as it does on Linux.

    `opened` is the path that it was opened by, and the directory where that began.
    Created with no reference; the descriptor table counts them and calls `closed`
    after the last is gone.
    """

    __slots__ = ("access", "flags", "opened", "references")

    def __init__(self, flags: int) -> None:
        self.flags = flags & _STATUS_FLAGS
        self.access = flags & O_ACCMODE
        self.references = 0
        self.opened: tuple[Directory, bytes] | None = None

    @property
    def node(self) -> Node | None:
        """The node in a filesystem, if there is one."""
        return None

    def set_flags(self, flags: int) -> None:
        self.flags = self.flags & ~_CHANGEABLE | flags & _CHANGEABLE

    def attributes(self) -> Attributes:
        raise NotImplementedError

    def read(self, size: int) -> bytes | memoryview:
        raise Failure(Errno.EBADF)

    def write(self, data: bytes | memoryview) -> int:
        raise Failure(Errno.EBADF)

    def pread(self, size: int, offset: int) -> bytes | memoryview:
        raise Failure(Errno.ESPIPE)

    def pwrite(self, data: bytes | memoryview, offset: int) -> int:
        raise Failure(Errno.ESPIPE)

    def seek(self, offset: int, whence: int) -> int:
        raise Failure(Errno.ESPIPE)

    def resize(self, size: int) -> None:
        raise Failure(Errno.EINVAL)

    def allocate(self, offset: int, length: int) -> None:
        raise Failure(Errno.ESPIPE)

    def read_directory(self, count: int) -> list[DirectoryEntry]:
        raise Failure(Errno.ENOTDIR)

    def sync(self) -> None:
        raise Failure(Errno.EINVAL)

    def events(self) -> int:
        """The POLL constants that hold now."""
        return POLLIN | POLLOUT

    def closed(self) -> None:
        """The last descriptor is gone."""


class FileDescription(Description):
    """An open regular file."""

    __slots__ = ("_file", "_offset")

    def __init__(self, file: File, flags: int) -> None:
        super().__init__(flags)
        file.acquire()
        self._file = file
        self._offset = 0

    @property
    def node(self) -> Node:
        return self._file

    def attributes(self) -> Attributes:
        return self._file.attributes()

    def read(self, size: int) -> bytes | memoryview:
        if self.access == O_WRONLY:
            raise Failure(Errno.EBADF)
        data = self._file.read_at(self._offset, size)
        self._offset += len(data)
        return data

    def pread(self, size: int, offset: int) -> bytes | memoryview:
        if self.access == O_WRONLY:
            raise Failure(Errno.EBADF)
        if offset < 0:
            raise Failure(Errno.EINVAL)
        return self._file.read_at(offset, size)

    def write(self, data: bytes | memoryview) -> int:
        self._check_writable()
        if self.flags & O_APPEND:
            self._offset = self._file.size()
        written = self._file.write_at(self._offset, data)
        self._offset += written
        return written

    def pwrite(self, data: bytes | memoryview, offset: int) -> int:
        """With O_APPEND at the end, whatever `offset` is (pwrite(2), BUGS)."""
        self._check_writable()
        if offset < 0:
            raise Failure(Errno.EINVAL)
        if self.flags & O_APPEND:
            offset = self._file.size()
        return self._file.write_at(offset, data)

    def _check_writable(self) -> None:
        if self.access == O_RDONLY:
            raise Failure(Errno.EBADF)

    def seek(self, offset: int, whence: int) -> int:
        if whence == SEEK_CUR:
            offset += self._offset
        elif whence == SEEK_END:
            offset += self._file.size()
        elif whence != SEEK_SET:
            raise Failure(Errno.EINVAL)
        if not 0 <= offset <= FILE_SIZE_MAX:
            raise Failure(Errno.EINVAL)
        self._offset = offset
        return offset

    def resize(self, size: int) -> None:
        if self.access == O_RDONLY or size < 0:
            raise Failure(Errno.EINVAL)
        self._file.resize(size)

    def allocate(self, offset: int, length: int) -> None:
        self._check_writable()
        if offset < 0 or length <= 0:
            raise Failure(Errno.EINVAL)
        if offset + length > self._file.size():
            self._file.resize(offset + length)

    def sync(self) -> None:
        """All is as safe as it gets."""

    def closed(self) -> None:
        self._file.release()


class DirectoryDescription(Description):
    """An open directory, and how far it was listed."""

    __slots__ = ("_listing", "_parent_inode", "_position", "directory")

    def __init__(self, directory: Directory, parent_inode: int, flags: int) -> None:
        super().__init__(flags)
        directory.acquire()
        self.directory = directory
        self._parent_inode = parent_inode
        self._position = 0
        self._listing: Iterator[DirectoryEntry] | None = None

    @property
    def node(self) -> Node:
        return self.directory

    def attributes(self) -> Attributes:
        return self.directory.attributes()

    def read(self, size: int) -> bytes | memoryview:
        raise Failure(Errno.EISDIR)

    def pread(self, size: int, offset: int) -> bytes | memoryview:
        raise Failure(Errno.EISDIR)

    def pwrite(self, data: bytes | memoryview, offset: int) -> int:
        raise Failure(Errno.EBADF)

    def allocate(self, offset: int, length: int) -> None:
        raise Failure(Errno.EBADF)

    def seek(self, offset: int, whence: int) -> int:
        if whence == SEEK_CUR:
            offset += self._position
        elif whence != SEEK_SET:
            raise Failure(Errno.EINVAL)
        if not 0 <= offset <= FILE_SIZE_MAX:
            raise Failure(Errno.EINVAL)
        if offset != self._position or offset == 0:
            self._position = offset
            self._listing = None
        return offset

    def read_directory(self, count: int) -> list[DirectoryEntry]:
        if self.directory.removed:
            raise Failure(Errno.ENOENT)
        if self._listing is None:
            self._listing = self._list_from(self._position)
        found: list[DirectoryEntry] = []
        while len(found) < count:
            entry = next(self._listing, None)
            if entry is None:
                break
            self._position = entry.next_position
            found.append(entry)
        return found

    def _list_from(self, position: int) -> Iterator[DirectoryEntry]:
        kind = self.directory.mode >> 12
        if position <= 0:
            yield DirectoryEntry(self.directory.attributes().inode, 1, kind, b".")
        if position <= 1:
            yield DirectoryEntry(self._parent_inode, FIRST_POSITION, kind, b"..")
        yield from self.directory.scan(max(position, FIRST_POSITION))

    def sync(self) -> None:
        """All is as safe as it gets."""

    def closed(self) -> None:
        self._listing = None
        self.directory.release()


class DeviceDescription(Description):
    """An open character device. It has no offset to speak of: seeking gives 0."""

    __slots__ = ("_device",)

    def __init__(self, device: Device, flags: int) -> None:
        super().__init__(flags)
        self._device = device

    @property
    def node(self) -> Node:
        return self._device

    def attributes(self) -> Attributes:
        return self._device.attributes()

    def read(self, size: int) -> bytes:
        if self.access == O_WRONLY:
            raise Failure(Errno.EBADF)
        return self._device.read(size)

    def pread(self, size: int, offset: int) -> bytes:
        return self.read(size)

    def write(self, data: bytes | memoryview) -> int:
        if self.access == O_RDONLY:
            raise Failure(Errno.EBADF)
        return self._device.write(data)

    def pwrite(self, data: bytes | memoryview, offset: int) -> int:
        return self.write(data)

    def seek(self, offset: int, whence: int) -> int:
        if whence not in (SEEK_SET, SEEK_CUR, SEEK_END):
            raise Failure(Errno.EINVAL)
        return 0

    def allocate(self, offset: int, length: int) -> None:
        raise Failure(Errno.ENODEV)
