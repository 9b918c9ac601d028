"""`hermetic shell` at a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from command_line import COMMAND

_TAKING_THE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class ShellTerminal:
    """A shell at a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self._descriptor, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKING_THE_TERMINAL, *COMMAND, "shell", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._seen = b""

    def send(self, data: bytes) -> None:
        os.write(self._descriptor, data)

    def expect(self, text: bytes) -> None:
        """Wait for `text` after what was expected before."""
        deadline = time.monotonic() + 240
        while text not in self._seen:
            left = max(0, deadline - time.monotonic())
            assert select.select([self._descriptor], [], [], left)[0], self._seen
            self._seen += os.read(self._descriptor, 4096)
        self._seen = self._seen.partition(text)[2]

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> int:
        status = self._process.wait()
        os.close(self._descriptor)
        return status


@contextmanager
def shell(*arguments: str) -> Iterator[ShellTerminal]:
    """One that shows its prompt. It is killed if it is not ended in an orderly way."""
    terminal = ShellTerminal(*arguments)
    try:
        terminal.expect(b">>> ")
        yield terminal
    except BaseException:
        terminal.kill()
        terminal.end()
        raise
