"""Pipes: a bounded buffer with a reading and a writing end."""

from __future__ import annotations

from hermetic_runtime.kernel.constants import POLLERR, POLLHUP, POLLIN, POLLOUT
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.wakeup import Wakeup

CAPACITY = 65_536


class Pipe:
    """`readers` and `writers` count the open file descriptions of each end."""

    def __init__(self, wakeup: Wakeup) -> None:
        self.readers = 1
        self.writers = 1
        self._buffer = bytearray()
        self._wakeup = wakeup

    def read(self, size: int, *, wait: bool) -> bytes:
        """b"" at the end of file. Raises `Failure(EAGAIN)` when nothing is there and
        `wait` is false."""
        if size == 0:
            return b""
        if not self._buffer and self.writers:
            if not wait:
                raise Failure(Errno.EAGAIN)
            self._wakeup.wait(lambda: bool(self._buffer) or not self.writers, None)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def write(self, data: bytes, *, wait: bool) -> int:
        """Bytes taken. Raises `Failure(EPIPE)` without readers, and `Failure(EAGAIN)`
        when there is no room and `wait` is false."""
        if not self.readers:
            raise Failure(Errno.EPIPE)
        if not data:
            return 0
        if len(self._buffer) >= CAPACITY:
            if not wait:
                raise Failure(Errno.EAGAIN)
            self._wakeup.wait(lambda: len(self._buffer) < CAPACITY or not self.readers, None)
            if not self.readers:
                raise Failure(Errno.EPIPE)
        taken = data[: CAPACITY - len(self._buffer)]
        self._buffer += taken
        return len(taken)

    @property
    def waiting(self) -> int:
        """Bytes that can be read now."""
        return len(self._buffer)

    def poll_reader(self) -> int:
        return (POLLIN if self._buffer else 0) | (0 if self.writers else POLLHUP)

    def poll_writer(self) -> int:
        if not self.readers:
            return POLLERR
        return POLLOUT if len(self._buffer) < CAPACITY else 0
