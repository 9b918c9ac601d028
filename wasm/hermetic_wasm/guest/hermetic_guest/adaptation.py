"""Where the standard library expects more of its system than a sandbox has."""

import select
import sys
import time

_spin = time.sleep


def adapt():
    """Make the changes. What is absent becomes an ordinary ImportError."""
    time.sleep = sleep
    sys.modules["_ctypes"] = None


def sleep(seconds, /):
    """Suspend execution for a number of seconds, which may be a fraction.

    Emscripten's own sleep keeps the processor busy, so all but the last millisecond
    is spent in a poll, which really waits.
    """
    end = time.monotonic() + seconds
    if seconds >= 0.001:
        select.select((), (), (), seconds)
    left = end - time.monotonic()
    if seconds < 0 or left > 0:
        _spin(seconds if seconds < 0 else left)
