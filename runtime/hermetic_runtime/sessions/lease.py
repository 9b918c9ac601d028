"""A lease: one process at a time, and one `Session` in it, has a session open.

It is a lock on a file, so that it ends with the process that has it, however that ends.
"""

from __future__ import annotations

import time
from pathlib import Path

from filelock import FileLock, Timeout

from hermetic_runtime.errors import SessionBusy

_POLL_SECONDS = 0.02


class Lease:
    """Held from its making until `release`, or until the process ends."""

    def __init__(self, path: Path, wait_seconds: float) -> None:
        """Wait for it, at most so long. Raises `SessionBusy`."""
        self._lock = FileLock(path, thread_local=False, blocking=False)
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                self._lock.acquire()
            except Timeout:
                if time.monotonic() >= deadline:
                    raise SessionBusy(
                        "the session is open elsewhere",
                        hint="Close it there, or fork it to have one of your own.",
                    ) from None
                time.sleep(_POLL_SECONDS)
            else:
                return

    def release(self) -> None:
        """Let others have the session."""
        self._lock.release(force=True)
