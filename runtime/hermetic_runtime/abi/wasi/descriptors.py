"""Calls of WASI preview1 that take an open descriptor."""

from __future__ import annotations

import stat
from struct import Struct

from hermetic_runtime.abi.transfers import TransferCalls
from hermetic_runtime.abi.wasi.attributes import (
    chosen_times,
    descriptor_flags,
    file_type,
    open_flags,
    pack_status,
)
from hermetic_runtime.abi.wasi.results import preview1
from hermetic_runtime.kernel.constants import (
    O_ACCMODE,
    O_APPEND,
    O_NONBLOCK,
    O_RDONLY,
    O_WRONLY,
    SEEK_CUR,
)

_STATUS = Struct("<BxH4xQQ")
_U64 = Struct("<Q")

READ, WRITE = 1 << 1, 1 << 6
"""`rights`: fd_read and fd_write. wasi-libc tells O_RDONLY from O_WRONLY by them."""
_READ_DIRECTORY = 1 << 14
ALL_RIGHTS = (1 << 30) - 1


class DescriptorCalls(TransferCalls):
    """Attributes, flags and positions."""

    @preview1("fd_fdstat_get", "ip")
    def status(self, fd: int, buffer: int) -> None:
        mode = self._kernel.fstat(fd).mode
        flags = self._kernel.status_flags(fd)
        rights = ALL_RIGHTS
        if not stat.S_ISDIR(mode):
            if flags & O_ACCMODE == O_WRONLY:
                rights &= ~(READ | _READ_DIRECTORY)
            elif flags & O_ACCMODE == O_RDONLY:
                rights &= ~WRITE
        kind = file_type(mode >> 12)
        self._memory.write(buffer, _STATUS.pack(kind, descriptor_flags(flags), rights, ALL_RIGHTS))

    @preview1("fd_fdstat_set_flags", "ii")
    def set_flags(self, fd: int, flags: int) -> None:
        kept = self._kernel.status_flags(fd) & ~(O_APPEND | O_NONBLOCK)
        self._kernel.set_status_flags(fd, kept | open_flags(flags))

    @preview1("fd_filestat_get", "ip")
    def attributes(self, fd: int, buffer: int) -> None:
        self._memory.write(buffer, pack_status(self._kernel.fstat(fd)))

    @preview1("fd_filestat_set_size", "il")
    def resize(self, fd: int, size: int) -> None:
        self._kernel.ftruncate(fd, size)

    @preview1("fd_filestat_set_times", "illi")
    def set_times(self, fd: int, accessed: int, modified: int, chosen: int) -> None:
        times = chosen_times(self._kernel.clock, accessed, modified, chosen)
        self._kernel.futimens(fd, *times)

    @preview1("fd_tell", "ip")
    def tell(self, fd: int, result: int) -> None:
        self._memory.write_u64(result, self._kernel.seek(fd, 0, SEEK_CUR))

    @preview1("fd_advise", "illi")
    def advise(self, fd: int, _offset: int, _length: int, _advice: int) -> None:
        self._kernel.fstat(fd)

    @preview1("fd_datasync", "i")
    def datasync(self, fd: int) -> None:
        self._kernel.fsync(fd)
