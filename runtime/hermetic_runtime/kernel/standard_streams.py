"""Descriptions of the guest's standard input, output and error."""

from __future__ import annotations

from hermetic_runtime.kernel.attributes import Attributes
from hermetic_runtime.kernel.constants import (
    GID,
    O_NONBLOCK,
    O_RDONLY,
    O_WRONLY,
    POLLIN,
    POLLOUT,
    S_IFCHR,
    UID,
)
from hermetic_runtime.kernel.descriptions import Description
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.streams import InputStream, OutputStream

_DEVICE = 0
_INODES = {"stdin": 1, "stdout": 2, "stderr": 3}


def stream_attributes(name: str) -> Attributes:
    """A character device, so that programs don't expect a size or offset."""
    return Attributes(_DEVICE, _INODES[name], S_IFCHR | 0o620, 1, UID, GID, 0, 0, 0, 0, 0)


class InputDescription(Description):
    """Reads from an input stream."""

    __slots__ = ("_stream",)

    def __init__(self, stream: InputStream) -> None:
        super().__init__(O_RDONLY)
        self._stream = stream

    def attributes(self) -> Attributes:
        return stream_attributes("stdin")

    def read(self, size: int) -> bytes:
        if self.flags & O_NONBLOCK and not self._stream.ready():
            raise Failure(Errno.EAGAIN)
        return self._stream.read(size)

    def events(self) -> int:
        return POLLIN if self._stream.ready() else 0


class OutputDescription(Description):
    """Writes to an output stream."""

    __slots__ = ("_stream",)

    def __init__(self, stream: OutputStream) -> None:
        super().__init__(O_WRONLY)
        self._stream = stream

    def attributes(self) -> Attributes:
        return stream_attributes(self._stream.name)

    def write(self, data: bytes | memoryview) -> int:
        return self._stream.write(data)

    def events(self) -> int:
        return POLLOUT
