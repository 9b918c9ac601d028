"""Which names of the layer below an overlay's user must remove."""

from __future__ import annotations

from collections.abc import Iterator


class Removals:
    """Paths that were removed and not yet reported, in an order in which what is in a
    directory comes before the directory; and paths that were reported as made, whose
    removal must be reported as well.
    """

    def __init__(self) -> None:
        self._removed: dict[bytes, bool] = {}
        self._reported: dict[bytes, bool] = {}

    def is_reported(self, path: bytes) -> bool:
        """Whether `path` was made by the guest and is known to the layer's owner."""
        return path in self._reported

    def add(self, path: bytes, *, is_directory: bool) -> None:
        """`path` is gone."""
        self._reported.pop(path, None)
        self._removed.pop(path, None)
        self._removed[path] = is_directory

    def add_below(self, path: bytes) -> None:
        """All that was reported below `path` is gone from there."""
        prefix = path + b"/"
        below = [known for known in self._reported if known.startswith(prefix)]
        for known in sorted(below, reverse=True):
            self.add(known, is_directory=self._reported[known])

    def made_again(self, path: bytes, *, is_directory: bool) -> None:
        """Something new is at `path`: a file can replace a file without a removal."""
        if not is_directory and self._removed.get(path) is False:
            del self._removed[path]

    def reported(self, path: bytes, *, is_directory: bool) -> None:
        """What is at `path` was reported."""
        self._reported[path] = is_directory

    def take(self) -> Iterator[bytes]:
        """The removed paths, which count as reported from now on."""
        while self._removed:
            path = next(iter(self._removed))
            yield path
            self._removed.pop(path, None)
