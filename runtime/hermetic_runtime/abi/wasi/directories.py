"""Directories that are open from the start, and listing any."""

from __future__ import annotations

from struct import Struct

from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.abi.wasi.attributes import file_type
from hermetic_runtime.abi.wasi.results import preview1
from hermetic_runtime.kernel.constants import AT_FDCWD, O_DIRECTORY, O_RDONLY, SEEK_SET
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.kernel import Kernel

_PREOPENED = Struct("<B3xI")
_ENTRY = Struct("<QQIB3x")
_ROOT = b"/"
_DIRECTORY_TAG = 0
_MOST_ENTRIES = 1024
_MOST_BYTES = 1024 * 1024


class DirectoryCalls:
    """The root directory is opened here, as the one that paths start from."""

    def __init__(self, kernel: Kernel, memory: GuestMemory) -> None:
        self._kernel = kernel
        self._memory = memory
        self._root_fd = kernel.open(AT_FDCWD, _ROOT, O_RDONLY | O_DIRECTORY, 0)

    def _check_preopened(self, fd: int) -> None:
        if fd != self._root_fd:
            raise Failure(Errno.EBADF)
        self._kernel.fstat(fd)

    @preview1("fd_prestat_get", "ip")
    def preopened(self, fd: int, buffer: int) -> None:
        self._check_preopened(fd)
        self._memory.write(buffer, _PREOPENED.pack(_DIRECTORY_TAG, len(_ROOT)))

    @preview1("fd_prestat_dir_name", "ipp")
    def preopened_name(self, fd: int, buffer: int, size: int) -> None:
        self._check_preopened(fd)
        if size < len(_ROOT):
            raise Failure(Errno.ENAMETOOLONG)
        self._memory.write(buffer, _ROOT)

    @preview1("fd_readdir", "ipplp")
    def read_directory(self, fd: int, buffer: int, size: int, cookie: int, used: int) -> None:
        """Whole entries and, where the next does not fit, its beginning: a buffer that is
        not full means the end. A cookie is where the kernel's listing goes on.
        """
        self._memory.check(buffer, size)
        size = min(size, _MOST_BYTES)
        self._kernel.seek(fd, cookie, SEEK_SET)
        packed = bytearray()
        while len(packed) < size:
            wanted = (size - len(packed)) // (_ENTRY.size + 8) + 1
            entries = self._kernel.read_directory(fd, min(wanted, _MOST_ENTRIES))
            if not entries:
                break
            for entry in entries:
                kind = file_type(entry.kind)
                packed += _ENTRY.pack(entry.next_position, entry.inode, len(entry.name), kind)
                packed += entry.name
        self._memory.write(buffer, bytes(packed[:size]))
        self._memory.write_u32(used, min(len(packed), size))
