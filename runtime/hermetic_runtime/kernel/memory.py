"""A filesystem in memory, as tmpfs is: everything in it is counted against a quota."""

from __future__ import annotations

from itertools import count

from hermetic_runtime.kernel.attributes import FilesystemStatistics
from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.constants import NAME_MAX
from hermetic_runtime.kernel.filesystem import BLOCK_BYTES, Filesystem
from hermetic_runtime.kernel.memory_directory import MemoryDirectory
from hermetic_runtime.kernel.quota import Quota


class MemoryFilesystem(Filesystem):
    """Access times are not kept up, as on a Linux filesystem mounted with noatime."""

    writable = True

    def __init__(self, quota: Quota, clock: Clock | None = None) -> None:
        super().__init__()
        self.quota = quota
        self.clock = clock or Clock()
        self.next_inode = count(1).__next__
        self._root = self.make_root()

    @property
    def root(self) -> MemoryDirectory:
        return self._root

    def make_root(self) -> MemoryDirectory:
        return MemoryDirectory(self, None, b"", 0o755)

    def statistics(self) -> FilesystemStatistics:
        quota = self.quota
        return FilesystemStatistics(
            block_size=BLOCK_BYTES,
            blocks=quota.disk_bytes // BLOCK_BYTES,
            blocks_free=max(0, quota.disk_bytes - quota.bytes_used) // BLOCK_BYTES,
            files=quota.files,
            files_free=max(0, quota.files - quota.files_used),
            name_max=NAME_MAX,
            flags=0,
        )
