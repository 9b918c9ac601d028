"""Where the standard library expects more of its system than a sandbox has."""

import select
import sys
import time

_spin = time.sleep
_poll = select.poll().poll


def adapt():
    """Make the changes. What is absent becomes an ordinary ImportError."""
    time.sleep = sleep
    sys.modules["_ctypes"] = None


def sleep(seconds, /):
    """Suspend execution for a number of seconds, which may be a fraction.

    Emscripten's own sleep keeps the processor busy, so all but the last millisecond
    is spent in a poll, which really waits.
    """
    if isinstance(seconds, (int, float)) and seconds >= 0.001:
        end = time.monotonic() + seconds
        _poll(seconds * 1000 // 1)
        seconds = max(0.0, end - time.monotonic())
    _spin(seconds)
