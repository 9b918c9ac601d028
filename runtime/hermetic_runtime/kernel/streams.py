"""Standard streams: where output goes, where input comes from, and how much there may be."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from hermetic_runtime.kernel.stops import OutputExceeded
from hermetic_runtime.kernel.wakeup import Wakeup


class OutputBudget:
    """Bytes that may still be written, by all streams that share it together."""

    def __init__(self, limit_bytes: int) -> None:
        self.remaining_bytes = limit_bytes

    def renew(self, limit_bytes: int) -> None:
        """Start over with a new limit."""
        self.remaining_bytes = limit_bytes


class OutputStream:
    """Passes what the guest writes to `deliver(name, data)`, as far as the budget goes.

    `truncated` says that something was cut off.
    """

    def __init__(
        self, name: str, budget: OutputBudget, deliver: Callable[[str, bytes], None]
    ) -> None:
        self.name = name
        self.truncated = False
        self._budget = budget
        self._deliver = deliver

    def write(self, data: bytes | memoryview) -> int:
        """The bytes written, always all. Raises `OutputExceeded` after the last that fit."""
        remaining = self._budget.remaining_bytes
        fitting = bytes(data[:remaining])
        if fitting:
            self._budget.remaining_bytes = remaining - len(fitting)
            self._deliver(self.name, fitting)
        if len(fitting) < len(data):
            self.truncated = True
            raise OutputExceeded
        return len(data)


class InputStream(Protocol):
    """Where the guest's standard input comes from."""

    def read(self, size: int) -> bytes:
        """At least one byte and at most `size`, waiting for it; b"" at the end."""
        ...

    def ready(self) -> bool:
        """Whether `read` would return without waiting."""
        ...


class QueueInput:
    """Input that another thread feeds.

    `request()` is called, in the guest's thread, when the guest wants input and there
    is none; not again before something was fed.
    """

    def __init__(self, wakeup: Wakeup, request: Callable[[], None]) -> None:
        self._wakeup = wakeup
        self._request = request
        self._requested = False
        self._ended = False
        self._pending = bytearray()
        self._lock = threading.Lock()

    def feed(self, data: bytes) -> None:
        """Give the guest more input. Any thread may call this."""
        if not data:
            return
        with self._lock:
            self._pending += data
            self._requested = False
        self._wakeup.notify()

    def end(self) -> None:
        """Nothing more will come. Any thread may call this."""
        with self._lock:
            self._ended = True
        self._wakeup.notify()

    def renew(self) -> None:
        """Start over for a new run: what the last one left is dropped."""
        with self._lock:
            self._pending.clear()
            self._requested = self._ended = False

    def read(self, size: int) -> bytes:
        """As `InputStream.read`. Raises what `Wakeup.wait` raises."""
        if size == 0:
            return b""
        if not self.ready():
            self._wakeup.wait(self._available, None)
        with self._lock:
            piece = bytes(memoryview(self._pending)[:size])
            del self._pending[:size]
        return piece

    def ready(self) -> bool:
        """Whether there is something to read. Asks for input when there is not."""
        if self._available():
            return True
        with self._lock:
            ask = not self._requested
            self._requested = True
        if ask:
            self._request()
        return self._available()

    def _available(self) -> bool:
        return bool(self._pending) or self._ended
