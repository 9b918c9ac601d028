"""`hermetic shell` at a terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from command_line import COMMAND


class ShellTerminal:
    """A shell at a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.execv(COMMAND[0], [*COMMAND, "shell", *arguments])
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
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        os.close(self._descriptor)
        return os.waitstatus_to_exitcode(status)


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
