"""Standard input of a kernel that is known from the start."""

from __future__ import annotations


class KnownInput:
    """An `InputStream` that gives `data`, and never waits."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = data
        self._offset = 0

    def read(self, size: int) -> bytes:
        piece = self._data[self._offset : self._offset + size]
        self._offset += len(piece)
        return piece

    def ready(self) -> bool:
        return True
