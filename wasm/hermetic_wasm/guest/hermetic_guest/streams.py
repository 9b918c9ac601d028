"""Standard streams that every run finds, whatever the runs before it did to theirs."""

import sys
from _io import open as _open  # the built-in name belongs to the code that runs

_OUTPUTS = ((1, "stdout", "surrogateescape"), (2, "stderr", "backslashreplace"))
fresh = True
"""Whether no run has had the streams that the interpreter booted with."""


def renew():
    """Open stdin anew, so that nothing is left in it, and outputs that are gone or closed.

    Those that the interpreter booted with do for the first run.
    """
    global fresh
    if fresh:
        fresh = False
        return
    sys.stdin = _opened(0, "r", "surrogateescape")
    for descriptor, name, errors in _OUTPUTS:
        if _is_lost(getattr(sys, name, None)):
            setattr(sys, name, _opened(descriptor, "w", errors))


def _opened(descriptor, mode, errors):
    """None, as Python itself has it, where the descriptor is not one for a stream."""
    try:
        return _open(descriptor, mode, 1 if mode == "w" else -1, "utf-8", errors, closefd=False)
    except OSError:
        return None


def _is_lost(stream):
    try:
        return stream is None or stream.closed is True
    except ValueError:  # detached from what it wrote to
        return True
    except Exception:
        return False
