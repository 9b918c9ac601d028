"""Requests on stdin, from a client that started this process.

The SDK has a thread read each line, which takes the interpreter's lock from the event loop just
when that has the line before to work on. A pipe can be read in the loop itself.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import Self

_MOST_LINES = 64
"""So many may wait until no more is read."""
_READ_BYTES = 64 * 1024


@contextmanager
def questions_on_stdin() -> Generator[Questions | None]:
    """Where the SDK is to read; None where it had better do so itself. Nothing else reads
    stdin meanwhile: for all others it is empty. In the event loop that will read.
    """
    stdin = sys.stdin.fileno()
    kind = os.fstat(stdin).st_mode
    if not stat.S_ISFIFO(kind) and not stat.S_ISSOCK(kind):
        yield None
        return
    descriptor = os.dup(stdin)
    try:
        with open(os.devnull, "rb", buffering=0) as nothing:
            os.dup2(nothing.fileno(), stdin)
        questions = Questions(descriptor)
        try:
            yield questions
        finally:
            questions.pause()
            os.dup2(descriptor, stdin)
    finally:
        os.close(descriptor)


class Questions:
    """As much of an `anyio.AsyncFile` as the SDK reads from: its lines.

    The descriptor stays as it is, and blocking: other processes may have it too, or this one
    may write to it. It is read only when there is something to read.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: deque[bytes] = deque()
        self._partial = bytearray()
        self._ended = False
        self._changed = asyncio.Event()

    def pause(self) -> None:
        """Read no more until a line is asked for."""
        self._loop.remove_reader(self._descriptor)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except OSError:  # the other end has gone, and not in good order
            data = b""
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._lines.append(bytes(self._partial + end))
            self._partial.clear()
        self._partial += rest
        if not data:
            self._end()
        elif len(self._lines) >= _MOST_LINES:
            self.pause()
        if self._lines or self._ended:
            self._changed.set()

    def _end(self) -> None:
        self.pause()
        self._ended = True
        if self._partial:
            self._lines.append(bytes(self._partial))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while not self._lines:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            self._loop.add_reader(self._descriptor, self._read)
            await self._changed.wait()
        return self._lines.popleft().decode("utf-8", "replace")
