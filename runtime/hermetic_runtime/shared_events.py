"""What a guest in a thread of this process tells the thread that drives it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from hermetic_runtime.kernel.overlay import Change
from hermetic_runtime.requests import RunReport


class GuestOutput(NamedTuple):
    """What the guest wrote to a stream."""

    stream: str
    data: bytes


class InputWanted(NamedTuple):
    """The guest reads stdin, and nothing is there."""


class GuestEnded(NamedTuple):
    """A boot, a run or a save has ended. `error` is what broke it off."""

    report: RunReport | None = None
    changes: Sequence[tuple[int, Change]] = ()
    error: Exception | None = None


GuestEvent = GuestOutput | InputWanted | GuestEnded


class GuestEvents:
    """From the guest thread to the caller's, which waits for them with `poll`."""

    def __init__(self) -> None:
        self._waiting: deque[GuestEvent] = deque()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def fileno(self) -> int:
        return self._reader

    def put(self, event: GuestEvent) -> None:
        self._waiting.append(event)
        self.wake()

    def wake(self) -> None:
        try:
            os.write(self._writer, b"\0")
        except BlockingIOError:
            return

    def take(self) -> list[GuestEvent]:
        try:
            os.read(self._reader, 4096)
        except BlockingIOError:
            return []
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)
