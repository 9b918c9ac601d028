"""On a terminal: the progress bar of a preparation, and what Ctrl-C leaves behind."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from command_line import COMMAND

HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"
PRINT = ("run", "-c", "print(6 * 7)")


class TerminalSession:
    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self._terminal = terminal
        self.shown = b""

    def read_until(self, wanted: bytes) -> None:
        while wanted not in self.shown:
            assert self._read(), f"it ended before {wanted!r}: {self.shown!r}"

    def read_to_the_end(self) -> bytes:
        while self._read():
            pass
        self.process.wait()
        return self.shown

    def _read(self) -> bool:
        try:
            data = os.read(self._terminal, 65536)
        except OSError:
            return False
        self.shown += data
        return bool(data)


@contextmanager
def on_a_terminal(*arguments: str, cache: Path) -> Iterator[TerminalSession]:
    terminal, theirs = pty.openpty()
    environment = os.environ | {
        "HERMETIC_CACHE_DIR": str(cache),
        "TERM": "xterm-256color",
        "COLUMNS": "100",
    }
    with subprocess.Popen(
        [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        try:
            yield TerminalSession(process, terminal)
        finally:
            process.kill()
            os.close(terminal)


def test_the_first_run_shows_a_progress_bar_and_takes_it_away(tmp_path: Path):
    with on_a_terminal(*PRINT, cache=tmp_path / "cache") as session:
        shown = session.read_to_the_end()
    assert session.process.returncode == 0
    assert b"hermetic: compiling the interpreter" in shown
    assert shown.rfind(HIDE_CURSOR) < shown.rfind(SHOW_CURSOR) < shown.rfind(b"42\r\n")


def test_a_prepared_run_shows_only_its_output(prepared):
    cache = Path(os.environ["HERMETIC_CACHE_DIR"])
    with on_a_terminal(*PRINT, cache=cache) as session:
        assert session.read_to_the_end() == b"42\r\n"


def test_no_bar_is_drawn_where_there_is_no_terminal(tmp_path: Path):
    environment = os.environ | {"HERMETIC_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run([*COMMAND, *PRINT], capture_output=True, env=environment, check=False)
    assert (done.stdout, done.stderr) == (b"42\n", b"")


def test_ctrl_c_while_preparing_leaves_terminal_and_cache_sane(tmp_path: Path):
    cache = tmp_path / "cache"
    with on_a_terminal(*PRINT, cache=cache) as session:
        session.read_until(b"compiling the interpreter")
        session.process.send_signal(signal.SIGINT)
        shown = session.read_to_the_end()
    assert session.process.returncode == 130
    assert shown.rfind(HIDE_CURSOR) < shown.rfind(SHOW_CURSOR)
    assert shown.endswith(b"hermetic: interrupted\r\n")
    with on_a_terminal(*PRINT, cache=cache) as session:
        assert session.read_to_the_end().endswith(b"42\r\n")
