"""How much of the contents of files is saved."""

from __future__ import annotations

from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import File


class SavedContents:
    """Reads files, all of them together at most `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes

    def read(self, file: File) -> bytes:
        """All of a file. Raises `Failure(EFBIG)` when that is more than is left."""
        file.acquire()
        try:
            size = file.size()
            if size > self._left:
                raise Failure(Errno.EFBIG)
            self._left -= size
            return bytes(file.read_at(0, size))
        finally:
            file.release()
