"""Which entries of the cache are in use, so that eviction leaves them alone.

A process that starts guests of an environment holds shared locks on its folders;
flock(2) works on a descriptor of a folder, and ends with the process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # not POSIX: nothing is evicted there
    fcntl = None


_MARK_SECONDS = 60.0
"""So long this process lets a mark of its own stand: a tenth of what eviction finds recent."""
_marked: dict[Path, float] = {}


def mark_used(paths: Iterable[Path | None]) -> None:
    """Say that these are used now, for the eviction of what was not used for longest."""
    now = time.monotonic()
    for path in paths:
        if path is None or now < _marked.get(path, 0.0):
            continue
        with suppress(OSError):
            os.utime(path)
            _marked[path] = now + _MARK_SECONDS


class Held:
    """Shared locks on folders, until `close`."""

    def __init__(self, paths: Iterable[Path | None]) -> None:
        self._descriptors: list[int] = []
        for path in paths:
            if path is not None and fcntl is not None:
                with suppress(OSError):
                    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                    self._descriptors.append(descriptor)
                    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def close(self) -> None:
        """Let go of them. In a forked process, this leaves the parent's in place."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()


def is_held(path: Path) -> bool:
    """Whether any process holds a folder; True where that can't be found out."""
    if fcntl is None:
        return True
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
