"""Guest memory, reached through bounds-checked views only."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from hermetic_runtime.kernel.errno import Errno, Failure

PAGE_BYTES = 65_536
PATH_MAX = 4096
"""Bytes of a path, its NUL included (Linux limits.h)."""

_U32 = Struct("<I")
_I32 = Struct("<i")
_U64 = Struct("<Q")


class GuestMemory:
    """Linear memory as the host sees it.

    Every access is checked against the present size: an address or length from the
    guest that reaches outside raises `Failure(EFAULT)`. `map_memory` gives the whole
    memory, which never moves. It is asked again by `refresh` and, because code of the
    guest can make its memory grow without a word, before an access is refused.
    """

    __slots__ = ("_map", "_view", "size")

    def __init__(self, map_memory: Callable[[], memoryview]) -> None:
        self._map = map_memory
        self._view = map_memory()
        self.size = len(self._view)

    def refresh(self) -> None:
        """Look at the memory anew, after it grew."""
        # The old view is not released: another thread may be setting an interrupt with it.
        view = self._map()
        self._view, self.size = view, len(view)

    def close(self) -> None:
        """Forget the memory. Every later access fails."""
        self._map = _nothing
        self._view.release()
        self._view = memoryview(b"")
        self.size = 0

    def check(self, address: int, length: int) -> None:
        """Raises `Failure(EFAULT)` when so many bytes are not there."""
        if address + length > self.size:
            self._reach(address + length)

    def _reach(self, end: int) -> None:
        self.refresh()
        if end > self.size:
            raise Failure(Errno.EFAULT)

    def read(self, address: int, length: int) -> bytes:
        end = address + length
        if length < 0:
            raise Failure(Errno.EFAULT)
        if end > self.size:
            self._reach(end)
        return self._view[address:end].tobytes()

    def write(self, address: int, data: bytes | memoryview) -> None:
        end = address + len(data)
        if end > self.size:
            self._reach(end)
        self._view[address:end] = data

    def read_u32(self, address: int) -> int:
        if address + 4 > self.size:
            self._reach(address + 4)
        return _U32.unpack_from(self._view, address)[0]

    def read_i32(self, address: int) -> int:
        if address + 4 > self.size:
            self._reach(address + 4)
        return _I32.unpack_from(self._view, address)[0]

    def write_u32(self, address: int, value: int) -> None:
        if address + 4 > self.size:
            self._reach(address + 4)
        _U32.pack_into(self._view, address, value & 0xFFFFFFFF)

    def write_u64(self, address: int, value: int) -> None:
        if address + 8 > self.size:
            self._reach(address + 8)
        _U64.pack_into(self._view, address, value & 0xFFFFFFFFFFFFFFFF)

    def unpack(self, layout: Struct, address: int) -> tuple[int, ...]:
        if address + layout.size > self.size:
            self._reach(address + layout.size)
        return layout.unpack_from(self._view, address)

    def c_string(self, address: int, limit: int = PATH_MAX) -> bytes:
        """The bytes before the NUL at `address`.

        Raises `Failure(ENAMETOOLONG)` when there is no NUL within `limit` bytes.
        """
        if address >= self.size:
            self._reach(address + 1)
        for length in (128, limit):
            if address + length > self.size:
                self.refresh()
            piece = self._view[address : address + length].tobytes()
            end = piece.find(0)
            if end >= 0:
                return piece[:end]
        raise Failure(Errno.ENAMETOOLONG if len(piece) == limit else Errno.EFAULT)

    def io_vectors(self, address: int, count: int) -> list[tuple[int, int]]:
        """The (address, length) pairs of `count` iovec structs; at most IOV_MAX (1024)."""
        if not 0 <= count <= 1024:
            raise Failure(Errno.EINVAL)
        raw = self.read(address, 8 * count)
        return list(_IO_VECTOR.iter_unpack(raw))


_IO_VECTOR = Struct("<II")


def _nothing() -> memoryview:
    return memoryview(b"")
