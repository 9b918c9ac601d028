"""Signals that end the command, so that guests are closed and the terminal is left sane."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from hermetic.cli import exit_status


def exit_on_termination() -> None:
    """Let SIGTERM unwind the stack, as Ctrl-C does, instead of cutting it off."""
    signal.signal(signal.SIGTERM, _terminate)


def ignore_interrupts() -> None:
    """A second Ctrl-C, while the first is being obeyed, changes nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(exit_status.TERMINATED)
