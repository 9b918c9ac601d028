"""stdin, stdout and stderr as the host gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hermetic_runtime.kernel.stops import OutputExceeded
from hermetic_runtime.kernel.wakeup import Wakeup


class OutputBudget:
    """Bytes that stdout and stderr may still take together."""

    def __init__(self, limit_bytes: int) -> None:
        self.left = limit_bytes

    def renew(self, limit_bytes: int) -> None:
        self.left = limit_bytes


class OutputStream:
    """Hands what the guest writes to `deliver(name, data)`, within the budget."""

    def __init__(
        self, name: str, budget: OutputBudget, deliver: Callable[[str, bytes], None]
    ) -> None:
        self.name = name
        self.truncated = False
        self._budget = budget
        self._deliver = deliver

    def write(self, data: bytes) -> int:
        """Raises `OutputExceeded` after delivering what still fitted."""
        fits = min(len(data), self._budget.left)
        if fits:
            self._budget.left -= fits
            self._deliver(self.name, data[:fits])
        if fits < len(data):
            self.truncated = True
            raise OutputExceeded
        return fits


class InputStream(Protocol):
    """Where the guest's stdin comes from."""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, waiting for the first; b"" at the end."""
        ...

    def ready(self) -> bool:
        """Whether `read` would return at once."""
        ...


class BytesInput:
    """An input that is all there from the start."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def read(self, size: int) -> bytes:
        start = self._position
        self._position = min(len(self._data), start + size)
        return self._data[start : self._position]

    def ready(self) -> bool:
        return True


class QueueInput:
    """An input that another thread feeds.

    `request` is called each time the guest wants input and there is none, so that
    nothing is read from the host's stdin that the guest does not ask for.
    """

    def __init__(self, wakeup: Wakeup, request: Callable[[], None]) -> None:
        self._wakeup = wakeup
        self._request = request
        self._buffer = bytearray()
        self._ended = False
        self._requested = False

    def feed(self, data: bytes) -> None:
        self._buffer += data
        self._requested = False
        self._wakeup.notify()

    def end(self) -> None:
        self._ended = True
        self._wakeup.notify()

    def ready(self) -> bool:
        if self._buffer or self._ended:
            return True
        if not self._requested:
            self._requested = True
            self._request()
        return False

    def read(self, size: int) -> bytes:
        self._wakeup.wait(self.ready, None)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def reopen(self) -> None:
        """Take input again, for a new run, and drop what the last one left."""
        self._buffer.clear()
        self._ended = False
        self._requested = False
