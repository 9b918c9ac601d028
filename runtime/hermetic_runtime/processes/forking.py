"""fork(2) for a process that has one thread."""

from __future__ import annotations

import ctypes
import os


class LoneFork:
    """`os.fork` without what Python does around it for the sake of other threads.

    That is a fifth of what a forked process costs before it does anything: it makes locks,
    events and lists of threads new (Modules/posixmodule.c, Lib/threading.py), each on pages
    that have to be copied. With one thread, which holds the interpreter's lock on both sides
    of the call (ctypes.PyDLL), all of them are as they should be. Functions that were given
    to `os.register_at_fork` are not called. The C library does what it always does.
    """

    def __init__(self) -> None:
        self._fork = ctypes.PyDLL(None, use_errno=True).fork

    def __call__(self) -> int:
        """0 in the child, and its process id in the parent. Raises OSError."""
        pid = self._fork()
        if pid < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return pid
