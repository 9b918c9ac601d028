"""The table of descriptors."""

from __future__ import annotations

from hermetic_runtime.kernel.constants import FD_CLOEXEC
from hermetic_runtime.kernel.descriptions import Description
from hermetic_runtime.kernel.errno import Errno, Failure


class DescriptorTable:
    """At most `limit` descriptors, numbered from 0; a new one gets the lowest free number."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._open: dict[int, Description] = {}
        self._close_on_exec: set[int] = set()
        self._lowest_free = 0

    def get(self, fd: int) -> Description:
        """Raises `Failure(EBADF)` when `fd` is not open."""
        description = self._open.get(fd)
        if description is None:
            raise Failure(Errno.EBADF)
        return description

    def opened(self) -> list[tuple[int, Description]]:
        """(fd, description) of all that is open, by number."""
        return sorted(self._open.items(), key=lambda item: item[0])

    def find(self, fd: int) -> Description | None:
        return self._open.get(fd)

    def check_free(self, minimum: int = 0) -> int:
        """The number that the next descriptor gets. Raises `Failure(EMFILE)`."""
        fd = max(self._lowest_free, minimum)
        while fd in self._open:
            fd += 1
        if fd >= self.limit:
            raise Failure(Errno.EMFILE)
        return fd

    def add(self, description: Description, *, minimum: int = 0, cloexec: bool = False) -> int:
        """Raises `Failure(EINVAL)` for a minimum out of range, and `Failure(EMFILE)`."""
        if not 0 <= minimum < self.limit:
            raise Failure(Errno.EINVAL)
        fd = self.check_free(minimum)
        if minimum <= self._lowest_free:
            self._lowest_free = fd + 1
        self._set(fd, description, cloexec)
        return fd

    def replace(self, fd: int, description: Description, *, cloexec: bool = False) -> None:
        """Put a description at `fd`, closing what is there. Raises `Failure(EBADF)` when
        `fd` is out of range.
        """
        if not 0 <= fd < self.limit:
            raise Failure(Errno.EBADF)
        replaced = self._open.get(fd)
        self._set(fd, description, cloexec)
        if replaced is not None:
            _drop(replaced)

    def _set(self, fd: int, description: Description, cloexec: bool) -> None:
        self._open[fd] = description
        description.references += 1
        self.set_flags(fd, FD_CLOEXEC if cloexec else 0)

    def close(self, fd: int) -> None:
        """Raises `Failure(EBADF)` when `fd` is not open."""
        description = self._open.pop(fd, None)
        if description is None:
            raise Failure(Errno.EBADF)
        self._close_on_exec.discard(fd)
        self._lowest_free = min(self._lowest_free, fd)
        _drop(description)

    def close_all(self) -> None:
        for fd in list(self._open):
            self.close(fd)

    def flags(self, fd: int) -> int:
        self.get(fd)
        return FD_CLOEXEC if fd in self._close_on_exec else 0

    def set_flags(self, fd: int, flags: int) -> None:
        self.get(fd)
        if flags & FD_CLOEXEC:
            self._close_on_exec.add(fd)
        else:
            self._close_on_exec.discard(fd)


def _drop(description: Description) -> None:
    description.references -= 1
    if description.references == 0:
        description.closed()
