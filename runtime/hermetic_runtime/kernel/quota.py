"""How much a guest may store."""

from __future__ import annotations

from hermetic_runtime.kernel.errno import Errno, Failure

ENTRY_BYTES = 256
"""What each directory entry with its inode is charged beside its name, so that empty
files can't fill the host's memory."""


class Quota:
    """Bytes and files that all writable filesystems of a guest share.

    `refused` remembers which limits ("disk_bytes", "files") were ever in the way.
    """

    __slots__ = ("bytes_used", "disk_bytes", "files", "files_used", "refused")

    def __init__(self, disk_bytes: int, files: int) -> None:
        self.disk_bytes = disk_bytes
        self.files = files
        self.bytes_used = 0
        self.files_used = 0
        self.refused: set[str] = set()

    def charge(self, size: int, files: int = 0) -> None:
        """Take `size` bytes and `files` files, or raise `Failure(ENOSPC)` and take nothing."""
        if files and self.files_used + files > self.files:
            self.refused.add("files")
            raise Failure(Errno.ENOSPC)
        if self.bytes_used + size > self.disk_bytes:
            self.refused.add("disk_bytes")
            raise Failure(Errno.ENOSPC)
        self.bytes_used += size
        self.files_used += files

    def release(self, size: int, files: int = 0) -> None:
        """Give back what was charged."""
        self.bytes_used -= size
        self.files_used -= files
