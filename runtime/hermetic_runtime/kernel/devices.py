"""/dev: the few devices that programs expect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hermetic_runtime.kernel import entropy
from hermetic_runtime.kernel.attributes import Attributes, DirectoryEntry
from hermetic_runtime.kernel.constants import GID, S_IFCHR, UID
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import FIRST_POSITION, Device, Directory, Filesystem, Node
from hermetic_runtime.kernel.immutable_directory import ImmutableDirectory

_TRANSFER_BYTES = 1024 * 1024
"""Most bytes that one read of an endless device gives."""
_DESCRIPTOR = re.compile(rb"0|[1-9][0-9]{0,5}")
_ROOT_INODE, _DESCRIPTORS_INODE = 1, 10
_FIRST_DESCRIPTOR_INODE = 16


class DeviceFilesystem(Filesystem):
    """null, zero, full, random, urandom, stdin, stdout, stderr, and fd with every descriptor."""

    def __init__(self) -> None:
        super().__init__()
        devices: dict[bytes, Node] = {
            b"null": NullDevice(self, 2, 1, 3),
            b"zero": ZeroDevice(self, 3, 1, 5),
            b"full": FullDevice(self, 4, 1, 7),
            b"random": RandomDevice(self, 5, 1, 8),
            b"urandom": RandomDevice(self, 6, 1, 9),
            b"stdin": DescriptorDevice(self, 7, 0),
            b"stdout": DescriptorDevice(self, 8, 1),
            b"stderr": DescriptorDevice(self, 9, 2),
        }
        self._root = DeviceDirectory(self, devices)
        devices[b"fd"] = DescriptorDirectory(self, self._root)

    @property
    def root(self) -> Directory:
        return self._root


class DeviceNode(Device):
    """A device with the numbers of Linux (Documentation/admin-guide/devices.txt)."""

    __slots__ = ("_attributes", "_filesystem", "mode")

    def __init__(self, filesystem: Filesystem, inode: int, major: int, minor: int) -> None:
        self._filesystem = filesystem
        self.mode = S_IFCHR | 0o666
        number = major << 8 | minor
        self._attributes = Attributes(
            filesystem.device, inode, self.mode, 1, UID, GID, 0, number, 0, 0, 0
        )

    @property
    def filesystem(self) -> Filesystem:
        return self._filesystem

    def attributes(self) -> Attributes:
        return self._attributes

    def write(self, data: bytes | memoryview) -> int:
        return len(data)


class NullDevice(DeviceNode):
    """Empty, and takes everything."""

    __slots__ = ()

    def read(self, size: int) -> bytes:
        return b""


class ZeroDevice(DeviceNode):
    """Endless zeros."""

    __slots__ = ()

    def read(self, size: int) -> bytes:
        return bytes(min(size, _TRANSFER_BYTES))


class FullDevice(ZeroDevice):
    """Endless zeros, and no room at all."""

    __slots__ = ()

    def write(self, data: bytes | memoryview) -> int:
        raise Failure(Errno.ENOSPC)


class RandomDevice(DeviceNode):
    """Endless random bytes."""

    __slots__ = ()

    def read(self, size: int) -> bytes:
        return entropy.fill(min(size, _TRANSFER_BYTES))


class DescriptorDevice(DeviceNode):
    """Opening this gives another descriptor of what the descriptor `fd` refers to."""

    __slots__ = ("fd",)

    def __init__(self, filesystem: Filesystem, inode: int, fd: int) -> None:
        super().__init__(filesystem, inode, 5, fd)
        self.fd = fd


class DeviceDirectory(ImmutableDirectory):
    """The root."""

    __slots__ = ("_devices",)

    def __init__(self, filesystem: Filesystem, devices: Mapping[bytes, Node]) -> None:
        super().__init__(filesystem, None, b"", inode=_ROOT_INODE, permissions=0o755)
        self._devices = devices

    def lookup(self, name: bytes) -> Node | None:
        return self._devices.get(name)

    def scan(self, position: int) -> Iterator[DirectoryEntry]:
        for index, (name, device) in enumerate(self._devices.items(), FIRST_POSITION):
            if index >= position:
                inode = device.attributes().inode
                yield DirectoryEntry(inode, index + 1, device.mode >> 12, name)


class DescriptorDirectory(ImmutableDirectory):
    """/dev/fd. Opening N in it gives another descriptor of what the descriptor N refers to.

    It lists nothing: which descriptors are open is asked for by number.
    """

    __slots__ = ()

    def __init__(self, filesystem: Filesystem, parent: Directory) -> None:
        super().__init__(filesystem, parent, b"fd", inode=_DESCRIPTORS_INODE, permissions=0o555)

    def lookup(self, name: bytes) -> Node | None:
        if _DESCRIPTOR.fullmatch(name) is None:
            return None
        fd = int(name)
        return DescriptorDevice(self._filesystem, _FIRST_DESCRIPTOR_INODE + fd, fd)
