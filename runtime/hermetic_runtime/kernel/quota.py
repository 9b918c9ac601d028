"""What the files of a guest may take, so that they cannot eat the host's memory."""

from __future__ import annotations

from hermetic_runtime.kernel.errno import Errno, Failure

INODE_BYTES = 256
"""Charged for every inode on top of its contents."""


class Quota:
    """Counts bytes and inodes. What would go over fails with ENOSPC and is
    remembered in `refused` by the name of the limit."""

    def __init__(self, disk_bytes: int, files: int) -> None:
        self.disk_bytes = disk_bytes
        self.files = files
        self.bytes_used = 0
        self.files_used = 0
        self.refused: set[str] = set()

    def charge_bytes(self, count: int) -> None:
        """Take `count` bytes; a negative count gives them back."""
        if count > 0 and self.bytes_used + count > self.disk_bytes:
            self.refused.add("disk_bytes")
            raise Failure(Errno.ENOSPC)
        self.bytes_used += count

    def charge_inode(self, extra_bytes: int = 0) -> None:
        """Take one inode, and `extra_bytes` for its name or target."""
        if self.files_used + 1 > self.files:
            self.refused.add("files")
            raise Failure(Errno.ENOSPC)
        self.charge_bytes(INODE_BYTES + extra_bytes)
        self.files_used += 1

    def release_inode(self, extra_bytes: int = 0) -> None:
        self.files_used -= 1
        self.bytes_used -= INODE_BYTES + extra_bytes
