"""Where the standard library expects more of its system than a sandbox has."""

import os
import select
import sys
import time

from hermetic_guest import wasi_calls

_FONT_LISTS = "/lib/matplotlib"
_spin = time.sleep
_poll = select.poll().poll


def adapt():
    """Make the changes. What is absent becomes an ordinary ImportError."""
    if sys.platform == "emscripten":
        time.sleep = sleep
    else:
        wasi_calls.add()
    # `search_path` does what `site` would: a missing module is not for want of it.
    sys.flags = sys.flags.__replace__(no_site=0)
    sys.modules["_ctypes"] = None
    if os.path.isdir(_FONT_LISTS):
        _find_fonts_once()


def _find_fonts_once():
    """Show matplotlib the list of fonts that was made while the interpreter was prepared."""
    folder = os.environ.setdefault("MPLCONFIGDIR", f"{os.environ['TMPDIR']}/.matplotlib")
    try:
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(_FONT_LISTS):
            os.symlink(f"{_FONT_LISTS}/{name}", f"{folder}/{name}")
    except OSError:
        return


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
