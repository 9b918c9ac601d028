"""/dev: the few devices that programs expect."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable

from hermetic_runtime.kernel.attributes import Attributes
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import Device, Directory, Filesystem, Node


class FunctionDevice(Device):
    """A device made of two functions."""

    def __init__(
        self,
        filesystem: Filesystem,
        read: Callable[[int], bytes],
        write: Callable[[bytes], int] = len,
    ) -> None:
        self.filesystem = filesystem
        self.mode = stat.S_IFCHR | 0o666
        self._read = read
        self._write = write
        self._attributes = filesystem.fixed_attributes(filesystem.next_inode(), self.mode, 0)

    def attributes(self) -> Attributes:
        return self._attributes

    def read(self, size: int) -> bytes:
        return self._read(size)

    def write(self, data: bytes) -> int:
        return self._write(data)


class DescriptorDevice(Device):
    """/dev/stdin and its like: opening it duplicates an open descriptor."""

    def __init__(self, filesystem: Filesystem, descriptor: int) -> None:
        self.filesystem = filesystem
        self.mode = stat.S_IFCHR | 0o666
        self.descriptor = descriptor
        self._inode = filesystem.next_inode()

    def attributes(self) -> Attributes:
        return self.filesystem.fixed_attributes(self._inode, self.mode, 0)

    def read(self, size: int) -> bytes:
        raise Failure(Errno.EINVAL)

    def write(self, data: bytes) -> int:
        raise Failure(Errno.EINVAL)


class DeviceDirectory(Directory):
    """/dev itself."""

    def __init__(self, filesystem: Filesystem) -> None:
        self.filesystem = filesystem
        self.mode = stat.S_IFDIR | 0o555
        self._attributes = filesystem.fixed_attributes(filesystem.next_inode(), self.mode, 0)
        self._nodes: dict[bytes, Node] = {
            b"null": FunctionDevice(filesystem, lambda _: b""),
            b"zero": FunctionDevice(filesystem, bytes),
            b"full": FunctionDevice(filesystem, bytes, _no_space),
            b"random": FunctionDevice(filesystem, os.urandom),
            b"urandom": FunctionDevice(filesystem, os.urandom),
            b"stdin": DescriptorDevice(filesystem, 0),
            b"stdout": DescriptorDevice(filesystem, 1),
            b"stderr": DescriptorDevice(filesystem, 2),
        }

    def attributes(self) -> Attributes:
        return self._attributes

    def lookup(self, name: bytes) -> Node | None:
        return self._nodes.get(name)

    def names(self) -> Iterable[bytes]:
        return self._nodes


def _no_space(_data: bytes) -> int:
    raise Failure(Errno.ENOSPC)


class DeviceFilesystem(Filesystem):
    """What is mounted on /dev."""

    def __init__(self) -> None:
        super().__init__()
        self.root = DeviceDirectory(self)
