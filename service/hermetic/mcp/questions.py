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
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Self, cast

_MOST_LINES = 64
"""So many may wait until no more is read."""


@asynccontextmanager
async def questions_on_stdin() -> AsyncGenerator[Questions | None]:
    """Where the SDK is to read; None where it had better do so itself. Nothing else reads
    stdin meanwhile: for all others it is empty.
    """
    kind = os.fstat(sys.stdin.fileno()).st_mode
    if not stat.S_ISFIFO(kind) and not stat.S_ISSOCK(kind):
        yield None
        return
    descriptor = os.dup(sys.stdin.fileno())
    with open(os.devnull, "rb", buffering=0) as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    pipe = os.fdopen(os.dup(descriptor), "rb", buffering=0)
    transport, questions = await asyncio.get_running_loop().connect_read_pipe(Questions, pipe)
    try:
        yield questions
    finally:
        transport.close()
        os.set_blocking(descriptor, True)
        os.dup2(descriptor, sys.stdin.fileno())
        os.close(descriptor)


class Questions(asyncio.Protocol):
    """As much of an `anyio.AsyncFile` as the SDK reads from: its lines."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._partial = bytearray()
        self._ended = False
        self._changed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.ReadTransport", transport)

    def data_received(self, data: bytes) -> None:
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._lines.append(bytes(self._partial + end))
            self._partial.clear()
        self._partial += rest
        if ends:
            self._changed.set()
        if len(self._lines) >= _MOST_LINES:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._partial:
            self._lines.append(bytes(self._partial))
        self._ended = True
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while not self._lines:
            if self._ended:
                raise StopAsyncIteration
            self._transport.resume_reading()
            self._changed.clear()
            await self._changed.wait()
        return self._lines.popleft().decode("utf-8", "replace")
