"""Answers on stdout, for a client that started this process.

The SDK has a thread write each line and another one flush it, for which the event loop waits
both times. Most answers are small, and a pipe has room for them at once.
"""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

from anyio import AsyncFile
from anyio.to_thread import run_sync


@contextmanager
def answers_on_stdout() -> Generator[AsyncFile[str]]:
    """Where the SDK is to write. Nothing else reaches stdout meanwhile: prints go to stderr."""
    sys.stdout.flush()
    descriptor = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        yield cast("AsyncFile[str]", Answers(descriptor))
    finally:
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)


class Answers:
    """As much of an `anyio.AsyncFile` as the SDK writes to. Raises `OSError` as a file does."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        self._waiting = b""

    async def write(self, text: str) -> int:
        self._waiting += text.encode()
        return len(text)

    async def flush(self) -> None:
        lines, self._waiting = self._waiting, b""
        if self._has_room_for(lines):
            os.write(self._descriptor, lines)
        else:
            await run_sync(self._write_all, lines)

    def _has_room_for(self, lines: bytes) -> bool:
        """A pipe that is writable takes `PIPE_BUF` bytes as a whole, and at once (pipe(7))."""
        if not self._is_pipe or len(lines) > select.PIPE_BUF:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return poll.poll(0) == [(self._descriptor, select.POLLOUT)]

    def _write_all(self, lines: bytes) -> None:
        left = memoryview(lines)
        while left:
            left = left[os.write(self._descriptor, left) :]
