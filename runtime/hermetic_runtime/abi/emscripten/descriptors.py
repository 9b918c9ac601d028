"""Reading, writing and waiting on descriptors.

Emscripten takes these partly as system calls and partly as WASI preview1 functions.
"""

from __future__ import annotations

import stat
from struct import Struct

from hermetic_runtime.abi.binding import provides, syscall, wasi
from hermetic_runtime.abi.transfers import TransferCalls
from hermetic_runtime.kernel.constants import O_NONBLOCK
from hermetic_runtime.kernel.errno import Errno, Failure

_POLL = Struct("<ihh")
_DESCRIPTOR_STATUS = Struct("<BxH4xQQ")
_F_DUPFD, _F_GETFD, _F_SETFD, _F_GETFL, _F_SETFL = 0, 1, 2, 3, 4
_F_GETLK, _F_SETLK, _F_SETLKW, _F_DUPFD_CLOEXEC = 12, 13, 14, 1030
_F_UNLCK = 2
_FIONBIO = 0x5421

_CHARACTER_DEVICE, _DIRECTORY, _REGULAR_FILE = 2, 3, 4
"""WASI's `filetype`. Emscripten takes a character device to be a terminal (isatty.c)."""


class DescriptorCalls(TransferCalls):
    """Calls that take an open descriptor."""

    @syscall("fdatasync", "i")
    def datasync(self, fd: int) -> None:
        self._kernel.fsync(fd)

    @wasi("fd_fdstat_get", "ip")
    def status(self, fd: int, buffer: int) -> None:
        kind = _DIRECTORY if stat.S_ISDIR(self._kernel.fstat(fd).mode) else _REGULAR_FILE
        if self._kernel.is_terminal(fd):
            kind = _CHARACTER_DEVICE
        self._memory.write(buffer, _DESCRIPTOR_STATUS.pack(kind, 0, 0, 0))

    @syscall("fadvise64", "illi")
    def advise(self, fd: int, _offset: int, _length: int, _advice: int) -> None:
        self._kernel.fstat(fd)

    @syscall("fallocate", "iill")
    def allocate(self, fd: int, mode: int, offset: int, length: int) -> None:
        if mode != 0:
            raise Failure(Errno.ENOTSUP)
        self._kernel.allocate(fd, offset, length)

    @syscall("dup", "i")
    def dup(self, fd: int) -> int:
        return self._kernel.dup(fd)

    @syscall("dup3", "iii")
    def dup_to(self, old: int, new: int, _flags: int) -> int:
        if old == new:
            raise Failure(Errno.EINVAL)
        return self._kernel.dup_to(old, new)

    @syscall("pipe", "p")
    def pipe(self, pair: int) -> None:
        self._memory.check(pair, 8)
        reader, writer = self._kernel.pipe()
        self._memory.write_u32(pair, reader)
        self._memory.write_u32(pair + 4, writer)

    @syscall("fcntl64", "iip")
    def fcntl(self, fd: int, command: int, arguments: int) -> int:
        if command == _F_GETFD:
            return self._kernel.descriptor_flags(fd)
        if command == _F_GETFL:
            return self._kernel.status_flags(fd)
        if command in (_F_SETLK, _F_SETLKW):
            self._kernel.fstat(fd)
            return 0
        value = self._memory.read_i32(arguments)
        if command in (_F_DUPFD, _F_DUPFD_CLOEXEC):
            return self._kernel.dup(fd, value, cloexec=command == _F_DUPFD_CLOEXEC)
        if command == _F_SETFD:
            self._kernel.set_descriptor_flags(fd, value)
            return 0
        if command == _F_SETFL:
            self._kernel.set_status_flags(fd, value)
            return 0
        if command == _F_GETLK:
            self._kernel.fstat(fd)
            self._memory.write(value & 0xFFFFFFFF, _F_UNLCK.to_bytes(2, "little"))
            return 0
        raise Failure(Errno.EINVAL)

    @provides("_try_fcntl64", "iiip", "i")
    def fcntl_of_socket(self, _fd: int, _command: int, _argument: int, _result: int) -> int:
        return 0

    @syscall("ioctl", "iip")
    def ioctl(self, fd: int, operation: int, arguments: int) -> None:
        flags = self._kernel.status_flags(fd)
        if operation != _FIONBIO:
            raise Failure(Errno.ENOTTY)
        wanted = self._memory.read_i32(self._memory.read_u32(arguments))
        flags = flags | O_NONBLOCK if wanted else flags & ~O_NONBLOCK
        self._kernel.set_status_flags(fd, flags)

    @syscall("poll", "ppi")
    def poll(self, requests: int, count: int, timeout_ms: int) -> int:
        if count > 65_536:
            raise Failure(Errno.EINVAL)
        raw = self._memory.read(requests, count * _POLL.size)
        wanted = [(fd, events) for fd, events, _ in _POLL.iter_unpack(raw)]
        timeout = None if timeout_ms < 0 else timeout_ms / 1000
        answers = self._kernel.poll(wanted, timeout)
        for index, ((fd, events), answer) in enumerate(zip(wanted, answers, strict=True)):
            self._memory.write(requests + index * _POLL.size, _POLL.pack(fd, events, answer))
        return sum(1 for answer in answers if answer)
