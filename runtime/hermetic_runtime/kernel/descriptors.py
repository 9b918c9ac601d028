"""Open file descriptions, and the table of descriptors that refer to them.

A description (offset, status flags) is shared by the descriptors that dup made of
one another, as POSIX 2.14 has it; a file's own state is in its node.
"""

from __future__ import annotations

import stat
from abc import ABC, abstractmethod

from hermetic_runtime.kernel.attributes import Attributes, DirectoryEntry
from hermetic_runtime.kernel.constants import (
    GUEST_GID,
    GUEST_UID,
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
from hermetic_runtime.kernel.filesystem import Device, Directory, File, Node
from hermetic_runtime.kernel.namespace import Namespace, Place
from hermetic_runtime.kernel.pipes import Pipe
from hermetic_runtime.kernel.streams import InputStream, OutputStream

MAX_OFFSET = 2**63 - 1
_CHANGEABLE = O_APPEND | O_NONBLOCK


class Description(ABC):
    """Something open. `references` counts the descriptors that share it."""

    def __init__(self, flags: int) -> None:
        self.flags = flags
        self.references = 0

    @abstractmethod
    def attributes(self) -> Attributes: ...

    @property
    def node(self) -> Node | None:
        """The node in a filesystem, if there is one."""
        return None

    @property
    def readable(self) -> bool:
        return self.flags & O_ACCMODE != O_WRONLY

    @property
    def writable(self) -> bool:
        return self.flags & O_ACCMODE != O_RDONLY

    def change_flags(self, flags: int) -> None:
        self.flags = self.flags & ~_CHANGEABLE | flags & _CHANGEABLE

    def read(self, size: int) -> bytes | memoryview:
        raise Failure(Errno.EINVAL)

    def write(self, data: bytes) -> int:
        raise Failure(Errno.EINVAL)

    def seek(self, offset: int, whence: int) -> int:
        raise Failure(Errno.ESPIPE)

    def poll(self) -> int:
        """The poll events that hold now."""
        return POLLIN | POLLOUT

    def closed(self) -> None:
        """The last descriptor is gone."""


class OpenFile(Description):
    """A regular file, opened."""

    def __init__(self, file: File, flags: int) -> None:
        super().__init__(flags)
        self.file = file
        self._offset = 0
        file.opened()

    @property
    def node(self) -> Node:
        return self.file

    def attributes(self) -> Attributes:
        return self.file.attributes()

    def read(self, size: int) -> bytes | memoryview:
        data = self.file.read(self._offset, size)
        self._offset += len(data)
        return data

    def write(self, data: bytes) -> int:
        if self.flags & O_APPEND:
            self._offset = self.file.append(data)
            return len(data)
        written = self.file.write(self._offset, data)
        self._offset += written
        return written

    def seek(self, offset: int, whence: int) -> int:
        base = {SEEK_SET: 0, SEEK_CUR: self._offset, SEEK_END: None}.get(whence, -1)
        if base == -1:
            raise Failure(Errno.EINVAL)
        target = (self.attributes().size if base is None else base) + offset
        if not 0 <= target <= MAX_OFFSET:
            raise Failure(Errno.EINVAL if target < 0 else Errno.EOVERFLOW)
        self._offset = target
        return target

    def closed(self) -> None:
        self.file.closed()


class OpenDirectory(Description):
    """A directory, opened. Its names are those of the moment in which reading began."""

    def __init__(self, place: Place, namespace: Namespace, flags: int) -> None:
        super().__init__(flags)
        self.place = place
        self._namespace = namespace
        self._names: list[bytes] | None = None
        self._position = 0

    @property
    def node(self) -> Node:
        return self.place.directory

    def attributes(self) -> Attributes:
        return self.place.directory.attributes()

    def read(self, size: int) -> bytes:
        raise Failure(Errno.EISDIR)

    def seek(self, offset: int, whence: int) -> int:
        target = offset if whence == SEEK_SET else self._position + offset
        if whence not in (SEEK_SET, SEEK_CUR) or target < 0:
            raise Failure(Errno.EINVAL)
        if target == 0:
            self._names = None
        self._position = target
        return target

    def entries(self, count: int) -> list[DirectoryEntry]:
        """The next entries, at most `count`; those removed meanwhile are left out."""
        if self._names is None:
            self._names = [b".", b"..", *self._namespace.names(self.place.directory)]
        found: list[DirectoryEntry] = []
        while len(found) < count and self._position < len(self._names):
            name = self._names[self._position]
            self._position += 1
            node = self._child(name)
            if node is not None:
                inode = node.attributes().inode
                found.append(DirectoryEntry(inode, self._position, node.kind, name))
        return found

    def _child(self, name: bytes) -> Node | None:
        if name == b".":
            return self.place.directory
        if name == b"..":
            return (self.place.parent or self.place).directory
        return self._namespace.child(self.place.directory, name)


class OpenDevice(Description):
    """A device, opened."""

    def __init__(self, device: Device, flags: int) -> None:
        super().__init__(flags)
        self._device = device

    @property
    def node(self) -> Node:
        return self._device

    def attributes(self) -> Attributes:
        return self._device.attributes()

    def read(self, size: int) -> bytes:
        return self._device.read(size)

    def write(self, data: bytes) -> int:
        return self._device.write(data)

    def seek(self, offset: int, whence: int) -> int:
        return 0

    def poll(self) -> int:
        return self._device.poll()


class _Unnamed(Description):
    """A stream or a pipe end: open, but in no filesystem."""

    def attributes(self) -> Attributes:
        return Attributes(
            0, id(self) & 0xFFFFFFFF, stat.S_IFIFO | 0o600, 1, GUEST_UID, GUEST_GID, 0, 0, 0, 0, 0
        )


class OpenInput(_Unnamed):
    """stdin."""

    def __init__(self, stream: InputStream) -> None:
        super().__init__(O_RDONLY)
        self._stream = stream

    def read(self, size: int) -> bytes:
        if self.flags & O_NONBLOCK and not self._stream.ready():
            raise Failure(Errno.EAGAIN)
        return self._stream.read(size)

    def poll(self) -> int:
        return POLLIN if self._stream.ready() else 0


class OpenOutput(_Unnamed):
    """stdout or stderr."""

    def __init__(self, stream: OutputStream) -> None:
        super().__init__(O_WRONLY)
        self._stream = stream

    def write(self, data: bytes) -> int:
        return self._stream.write(data)

    def poll(self) -> int:
        return POLLOUT


class PipeReader(_Unnamed):
    """The end of a pipe that is read."""

    def __init__(self, pipe: Pipe, flags: int) -> None:
        super().__init__(O_RDONLY | flags)
        self._pipe = pipe

    def read(self, size: int) -> bytes:
        return self._pipe.read(size, wait=not self.flags & O_NONBLOCK)

    def poll(self) -> int:
        return self._pipe.poll_reader()

    def closed(self) -> None:
        self._pipe.readers -= 1


class PipeWriter(_Unnamed):
    """The end of a pipe that is written."""

    def __init__(self, pipe: Pipe, flags: int) -> None:
        super().__init__(O_WRONLY | flags)
        self._pipe = pipe

    def write(self, data: bytes) -> int:
        return self._pipe.write(data, wait=not self.flags & O_NONBLOCK)

    def poll(self) -> int:
        return self._pipe.poll_writer()

    def closed(self) -> None:
        self._pipe.writers -= 1


class DescriptorTable:
    """Descriptors by number: the lowest free one is always given next."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[int, Description] = {}
        self._flags: dict[int, int] = {}

    def get(self, fd: int) -> Description:
        description = self._open.get(fd)
        if description is None:
            raise Failure(Errno.EBADF)
        return description

    def add(self, description: Description, *, minimum: int = 0, flags: int = 0) -> int:
        """Raises `Failure(EMFILE)` at the limit, with the description closed if unused."""
        if minimum < 0 or minimum >= self._limit:
            raise Failure(Errno.EINVAL)
        fd = minimum
        while fd in self._open:
            fd += 1
        if fd >= self._limit:
            if description.references == 0:
                description.closed()
            raise Failure(Errno.EMFILE)
        self._put(fd, description, flags)
        return fd

    def _put(self, fd: int, description: Description, flags: int) -> None:
        description.references += 1
        self._open[fd] = description
        self._flags[fd] = flags

    def replace(self, fd: int, description: Description, flags: int) -> None:
        """Make `fd` refer to `description`, closing what it was."""
        if not 0 <= fd < self._limit:
            raise Failure(Errno.EBADF)
        if self._open.get(fd) is description:
            self._flags[fd] = flags
            return
        if fd in self._open:
            self.close(fd)
        self._put(fd, description, flags)

    def close(self, fd: int) -> None:
        description = self._open.pop(fd, None)
        if description is None:
            raise Failure(Errno.EBADF)
        del self._flags[fd]
        description.references -= 1
        if description.references == 0:
            description.closed()

    def close_all(self) -> None:
        for fd in list(self._open):
            self.close(fd)

    def flags(self, fd: int) -> int:
        self.get(fd)
        return self._flags[fd]

    def set_flags(self, fd: int, flags: int) -> None:
        self.get(fd)
        self._flags[fd] = flags
