"""mmap by copying: linear memory has no pages of its own to map.

As Emscripten does it (src/lib/libsyscall.js): the file's bytes are copied into
memory from the guest's own allocator, and written back by msync and munmap where
the mapping is shared and writable. musl itself serves anonymous mappings.
"""

from __future__ import annotations

from collections.abc import Callable

from hermetic_runtime.abi.binding import provides
from hermetic_runtime.abi.memory import PAGE_BYTES, GuestMemory
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.kernel import Kernel

_PROT_WRITE = 2
_MAP_SHARED, _MAP_TYPE = 1, 3
_CHUNK = 1024 * 1024


class MappingCalls:
    """`allocate` is the guest's `emscripten_builtin_memalign(alignment, size)`."""

    def __init__(self, kernel: Kernel, memory: GuestMemory) -> None:
        self._kernel = kernel
        self._memory = memory
        self._allocate: Callable[[int, int], int] | None = None

    def allocate_with(self, allocate: Callable[[int, int], int]) -> None:
        self._allocate = allocate

    @provides("_mmap_js", "piiilpp", "i")
    def map(
        self,
        length: int,
        _protection: int,
        _flags: int,
        fd: int,
        offset: int,
        allocated: int,
        address: int,
    ) -> int:
        try:
            self._kernel.pread(fd, 0, 0)
            return self._copy_in(length, fd, offset, allocated, address)
        except Failure as failure:
            return -failure.errno

    def _copy_in(self, length: int, fd: int, offset: int, allocated: int, address: int) -> int:
        if offset < 0 or length == 0:
            raise Failure(Errno.EINVAL)
        start = self._allocate(PAGE_BYTES, length) if self._allocate else 0
        if start == 0:
            raise Failure(Errno.ENOMEM)
        done = 0
        while done < length:
            data = self._kernel.pread(fd, min(_CHUNK, length - done), offset + done)
            if not data:
                break
            self._memory.write(start + done, data)
            done += len(data)
        while done < length:
            zeros = bytes(min(_CHUNK, length - done))
            self._memory.write(start + done, zeros)
            done += len(zeros)
        self._memory.write_u32(allocated, 1)
        self._memory.write_u32(address, start)
        return 0

    @provides("_msync_js", "ppiiil", "i")
    @provides("_munmap_js", "ppiiil", "i")
    def write_back(
        self, start: int, length: int, protection: int, flags: int, fd: int, offset: int
    ) -> int:
        if not protection & _PROT_WRITE or flags & _MAP_TYPE != _MAP_SHARED:
            return 0
        try:
            size = self._kernel.fstat(fd).size
            end = min(length, max(0, size - offset))
            for done in range(0, end, _CHUNK):
                data = self._memory.read(start + done, min(_CHUNK, end - done))
                self._kernel.pwrite(fd, data, offset + done)
        except Failure as failure:
            return -failure.errno
        return 0
