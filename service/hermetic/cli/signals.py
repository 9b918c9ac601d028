"""Signals that end the command, so that guests are closed and the terminal is left sane."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from hermetic.cli import exit_status
from hermetic.cli.messages import say


def exit_on_termination() -> None:
    """Let SIGTERM unwind the stack, as Ctrl-C does, instead of cutting it off."""
    signal.signal(signal.SIGTERM, _terminate)


def exit_status_of_interrupt() -> int:
    """Say that Ctrl-C was obeyed; from here on, another one changes nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    say("interrupted")
    return exit_status.INTERRUPTED


def _terminate(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(exit_status.TERMINATED)
