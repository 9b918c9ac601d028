"""Pipes."""

from __future__ import annotations

from hermetic_runtime.kernel.attributes import Attributes
from hermetic_runtime.kernel.constants import (
    GID,
    O_NONBLOCK,
    O_RDONLY,
    O_WRONLY,
    PIPE_BUF,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    S_IFIFO,
    UID,
)
from hermetic_runtime.kernel.descriptions import Description
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.wakeup import Wakeup

CAPACITY_BYTES = 65_536


class Pipe:
    """The buffer between two ends, each of which is a description."""

    def __init__(self, wakeup: Wakeup, inode: int, now_ns: int) -> None:
        self.wakeup = wakeup
        self.data = bytearray()
        self.reader_open = True
        self.writer_open = True
        self.attributes = Attributes(
            0, inode, S_IFIFO | 0o600, 1, UID, GID, 0, 0, now_ns, now_ns, now_ns
        )

    @property
    def room(self) -> int:
        return CAPACITY_BYTES - len(self.data)

    def wait_for_data(self) -> None:
        self.wakeup.wait(lambda: bool(self.data) or not self.writer_open, None)

    def wait_for_room(self, size: int) -> None:
        self.wakeup.wait(lambda: self.room >= size or not self.reader_open, None)


class PipeReader(Description):
    """The end to read from: nothing more comes once the writer is closed."""

    __slots__ = ("pipe",)

    def __init__(self, pipe: Pipe, flags: int) -> None:
        super().__init__(O_RDONLY | flags)
        self.pipe = pipe

    def attributes(self) -> Attributes:
        return self.pipe.attributes

    def read(self, size: int) -> bytes:
        pipe = self.pipe
        if not pipe.data and pipe.writer_open and size:
            if self.flags & O_NONBLOCK:
                raise Failure(Errno.EAGAIN)
            pipe.wait_for_data()
        piece = bytes(pipe.data[:size])
        del pipe.data[:size]
        return piece

    def events(self) -> int:
        pipe = self.pipe
        return (POLLIN if pipe.data else 0) | (0 if pipe.writer_open else POLLHUP)

    def closed(self) -> None:
        self.pipe.reader_open = False
        self.pipe.data.clear()


class PipeWriter(Description):
    """The end to write to: fails with EPIPE once the reader is closed."""

    __slots__ = ("pipe",)

    def __init__(self, pipe: Pipe, flags: int) -> None:
        super().__init__(O_WRONLY | flags)
        self.pipe = pipe

    def attributes(self) -> Attributes:
        return self.pipe.attributes

    def write(self, data: bytes | memoryview) -> int:
        """Up to PIPE_BUF bytes go in together or not at all (pipe(7))."""
        pipe = self.pipe
        needed = len(data) if len(data) <= PIPE_BUF else 1
        written = 0
        while True:
            if not pipe.reader_open:
                raise Failure(Errno.EPIPE)
            if pipe.room >= needed:
                piece = data[written : written + pipe.room]
                pipe.data += piece
                written += len(piece)
            if written == len(data):
                return written
            try:
                if self.flags & O_NONBLOCK:
                    raise Failure(Errno.EAGAIN)
                pipe.wait_for_room(needed)
            except Failure:
                if written:
                    return written
                raise

    def events(self) -> int:
        pipe = self.pipe
        if not pipe.reader_open:
            return POLLERR | POLLOUT
        return POLLOUT if pipe.room >= PIPE_BUF else 0

    def closed(self) -> None:
        self.pipe.writer_open = False
