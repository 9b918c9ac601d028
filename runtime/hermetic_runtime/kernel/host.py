"""A directory of the host, shown to the guest read-only.

Every component is opened relative to its parent with O_NOFOLLOW, starting from the
directory's own descriptor. A symbolic link is only ever read: where it leads is
decided by the guest's namespace, so nothing outside the directory can be reached.
Devices, sockets and fifos of the host are not shown.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from hermetic_runtime.kernel.attributes import Attributes
from hermetic_runtime.kernel.constants import GUEST_GID, GUEST_UID
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import Directory, File, Filesystem, Link, Node

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_MAX_READ = 16 * 1024 * 1024


@contextmanager
def _translating_errors() -> Iterator[None]:
    """What the host answers, as the guest's own error of that name."""
    try:
        yield
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "EIO")
        raise Failure(Errno.__members__.get(name, Errno.EIO)) from None


class _HostNode(Node):
    """Something in a directory of the host, found anew by name each time."""

    filesystem: HostFilesystem

    def __init__(
        self, filesystem: HostFilesystem, parent: HostDirectory | None, name: bytes, mode: int
    ) -> None:
        self.filesystem = filesystem
        self.parent = parent
        self.name = name
        self.mode = mode

    def attributes(self) -> Attributes:
        with _translating_errors():
            found = self._stat()
        return Attributes(
            self.filesystem.device,
            found.st_ino,
            found.st_mode & ~0o7000,
            found.st_nlink,
            GUEST_UID,
            GUEST_GID,
            found.st_size,
            0,
            found.st_atime_ns,
            found.st_mtime_ns,
            found.st_ctime_ns,
        )

    def _stat(self) -> os.stat_result:
        if self.parent is None:
            return os.fstat(self.filesystem.descriptor)
        with self.parent.descriptor() as parent:
            return os.stat(self.name, dir_fd=parent, follow_symlinks=False)


class HostFile(_HostNode, File):
    """A regular file. While the guest has it open, so has the host."""

    _descriptor: int | None = None
    _open = 0

    def opened(self) -> None:
        with _translating_errors():
            if self._descriptor is None:
                self._descriptor = self._open_file()
        self._open += 1

    def closed(self) -> None:
        self._open -= 1
        if self._open == 0 and self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open_file(self) -> int:
        assert self.parent is not None
        with self.parent.descriptor() as parent:
            descriptor = os.open(self.name, _OPEN, dir_fd=parent)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EACCES, "not a regular file")
        return descriptor

    def read(self, offset: int, size: int) -> bytes:
        with _translating_errors():
            if self._descriptor is not None:
                return os.pread(self._descriptor, min(size, _MAX_READ), offset)
            descriptor = self._open_file()
            try:
                return os.pread(descriptor, min(size, _MAX_READ), offset)
            finally:
                os.close(descriptor)


class HostLink(_HostNode, Link):
    """A symbolic link; its target is text, and leads only within the guest's tree."""

    @property
    def target(self) -> bytes:  # pyright: ignore[reportIncompatibleVariableOverride]
        assert self.parent is not None
        with _translating_errors(), self.parent.descriptor() as parent:
            return os.readlink(self.name, dir_fd=parent)


class HostDirectory(_HostNode, Directory):
    """A directory. It holds no descriptor of its own between two operations."""

    @contextmanager
    def descriptor(self) -> Iterator[int]:
        """An open descriptor, for the length of one operation."""
        if self.parent is None:
            yield self.filesystem.descriptor
            return
        with self.parent.descriptor() as parent:
            opened = os.open(self.name, _OPEN | os.O_DIRECTORY, dir_fd=parent)
        try:
            yield opened
        finally:
            os.close(opened)

    def lookup(self, name: bytes) -> Node | None:
        if b"/" in name or b"\0" in name:
            return None
        with _translating_errors():
            try:
                with self.descriptor() as own:
                    mode = os.stat(name, dir_fd=own, follow_symlinks=False).st_mode
            except FileNotFoundError:
                return None
        if stat.S_ISREG(mode):
            return HostFile(self.filesystem, self, name, mode)
        if stat.S_ISDIR(mode):
            return HostDirectory(self.filesystem, self, name, mode)
        if stat.S_ISLNK(mode):
            return HostLink(self.filesystem, self, name, mode)
        return None

    def names(self) -> Iterable[bytes]:
        with _translating_errors(), self.descriptor() as own:
            return [os.fsencode(name) for name in os.listdir(own)]


class HostFilesystem(Filesystem):
    """What `descriptor`, an open directory, holds. The descriptor stays the caller's."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.root = HostDirectory(self, None, b"", os.fstat(descriptor).st_mode)
