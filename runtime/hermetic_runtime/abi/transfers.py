"""Moving bytes through descriptors: WASI preview1 functions that Emscripten takes as well."""

from __future__ import annotations

from hermetic_runtime.abi.binding import wasi
from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.kernel.kernel import Kernel

_MAX_TRANSFER = 16 * 1024 * 1024
"""Bytes moved by one call at the most: a larger request is a short read or write."""


class TransferCalls:
    """Reading, writing, seeking and closing."""

    def __init__(self, kernel: Kernel, memory: GuestMemory) -> None:
        self._kernel = kernel
        self._memory = memory

    @wasi("fd_close", "i")
    def close(self, fd: int) -> None:
        self._kernel.close(fd)

    @wasi("fd_read", "ippp")
    def read(self, fd: int, vectors: int, count: int, done: int) -> None:
        total = 0
        for address, length in self._memory.io_vectors(vectors, count):
            if length == 0:
                continue
            wanted = min(length, _MAX_TRANSFER)
            self._memory.check(address, wanted)
            data = self._kernel.read(fd, wanted)
            self._memory.write(address, data)
            total += len(data)
            if len(data) < length:
                break
        self._memory.write_u32(done, total)

    @wasi("fd_pread", "ipplp")
    def pread(self, fd: int, vectors: int, count: int, offset: int, done: int) -> None:
        total = 0
        for address, length in self._memory.io_vectors(vectors, count):
            wanted = min(length, _MAX_TRANSFER)
            self._memory.check(address, wanted)
            data = self._kernel.pread(fd, wanted, offset + total)
            self._memory.write(address, data)
            total += len(data)
            if len(data) < length:
                break
        self._memory.write_u32(done, total)

    @wasi("fd_write", "ippp")
    def write(self, fd: int, vectors: int, count: int, done: int) -> None:
        total = 0
        for address, length in self._memory.io_vectors(vectors, count):
            if length == 0:
                continue
            data = self._memory.read(address, min(length, _MAX_TRANSFER))
            written = self._kernel.write(fd, data)
            total += written
            if written < length:
                break
        self._memory.write_u32(done, total)

    @wasi("fd_pwrite", "ipplp")
    def pwrite(self, fd: int, vectors: int, count: int, offset: int, done: int) -> None:
        total = 0
        for address, length in self._memory.io_vectors(vectors, count):
            data = self._memory.read(address, min(length, _MAX_TRANSFER))
            written = self._kernel.pwrite(fd, data, offset + total)
            total += written
            if written < length:
                break
        self._memory.write_u32(done, total)

    @wasi("fd_seek", "ilip")
    def seek(self, fd: int, offset: int, whence: int, result: int) -> None:
        self._memory.write_u64(result, self._kernel.seek(fd, offset, whence))

    @wasi("fd_sync", "i")
    def sync(self, fd: int) -> None:
        self._kernel.fsync(fd)
