"""A filesystem that holds nothing, to put a writable layer over."""

from __future__ import annotations

import time

from hermetic_runtime.kernel.filesystem import Directory, Filesystem
from hermetic_runtime.kernel.immutable_directory import ImmutableDirectory


class EmptyFilesystem(Filesystem):
    """A root directory without entries."""

    def __init__(self) -> None:
        super().__init__()
        self._root = ImmutableDirectory(
            self, None, b"", inode=1, permissions=0o755, made_ns=time.time_ns()
        )

    @property
    def root(self) -> Directory:
        return self._root
