"""Paths and directories: Emscripten's system calls, answered by the kernel.

Struct layouts are those of Emscripten 5.0.3 for wasm32: musl's arch/emscripten
bits/stat.h and bits/statfs.h, and include/dirent.h.
"""

from __future__ import annotations

from struct import Struct

from hermetic_runtime.abi.binding import syscall
from hermetic_runtime.abi.memory import PATH_MAX, GuestMemory
from hermetic_runtime.kernel.attributes import Attributes, FilesystemStatistics
from hermetic_runtime.kernel.constants import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_REMOVEDIR,
    AT_SYMLINK_NOFOLLOW,
)
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.kernel import Kernel

_STAT = Struct("<6IqIIqI4xqI4xqI4xQ")
_STATFS = Struct("<II5Q5I")
_DIRECTORY_ENTRY = Struct("<QQHB256s5x")
_TIMES = Struct("<qI4xqI4x")
_SECOND = 1_000_000_000
_NOW = 0x3FFFFFFF
"""UTIME_NOW, musl sys/stat.h."""
_OMIT = 0x3FFFFFFE
"""UTIME_OMIT, musl sys/stat.h."""


class FileCalls:
    """System calls that name files."""

    def __init__(self, kernel: Kernel, memory: GuestMemory) -> None:
        self._kernel = kernel
        self._memory = memory

    @syscall("openat", "ipip")
    def open(self, directory: int, path: int, flags: int, arguments: int) -> int:
        mode = self._memory.read_u32(arguments) if arguments else 0
        return self._kernel.open(directory, self._memory.c_string(path), flags, mode & 0o7777)

    @syscall("stat64", "pp")
    def stat(self, path: int, buffer: int) -> None:
        name = self._memory.c_string(path)
        self._store_attributes(buffer, self._kernel.stat(AT_FDCWD, name))

    @syscall("lstat64", "pp")
    def lstat(self, path: int, buffer: int) -> None:
        name = self._memory.c_string(path)
        self._store_attributes(buffer, self._kernel.stat(AT_FDCWD, name, follow=False))

    @syscall("fstat64", "ip")
    def fstat(self, fd: int, buffer: int) -> None:
        self._store_attributes(buffer, self._kernel.fstat(fd))

    @syscall("newfstatat", "ippi")
    def fstatat(self, directory: int, path: int, buffer: int, flags: int) -> None:
        name = self._memory.c_string(path)
        if not name and flags & AT_EMPTY_PATH and directory != AT_FDCWD:
            attributes = self._kernel.fstat(directory)
        else:
            follow = not flags & AT_SYMLINK_NOFOLLOW
            attributes = self._kernel.stat(directory, name, follow=follow)
        self._store_attributes(buffer, attributes)

    def _store_attributes(self, buffer: int, found: Attributes) -> None:
        self._memory.write(
            buffer,
            _STAT.pack(
                found.device & 0xFFFFFFFF,
                found.mode,
                found.links,
                found.uid,
                found.gid,
                found.rdev & 0xFFFFFFFF,
                found.size,
                4096,
                min((found.size + 511) // 512, 0xFFFFFFFF),
                *divmod(found.atime_ns, _SECOND),
                *divmod(found.mtime_ns, _SECOND),
                *divmod(found.ctime_ns, _SECOND),
                found.inode,
            ),
        )

    @syscall("faccessat", "ipii")
    def access(self, directory: int, path: int, mode: int, _flags: int) -> None:
        self._kernel.access(directory, self._memory.c_string(path), mode)

    @syscall("chdir", "p")
    def chdir(self, path: int) -> None:
        self._kernel.chdir(self._memory.c_string(path))

    @syscall("fchdir", "i")
    def fchdir(self, fd: int) -> None:
        self._kernel.fchdir(fd)

    @syscall("getcwd", "pp")
    def getcwd(self, buffer: int, size: int) -> int:
        path = self._kernel.getcwd() + b"\0"
        if size == 0:
            raise Failure(Errno.EINVAL)
        if len(path) > size:
            raise Failure(Errno.ERANGE)
        self._memory.write(buffer, path)
        return len(path)

    @syscall("chmod", "pi")
    def chmod(self, path: int, mode: int) -> None:
        self._kernel.chmod(AT_FDCWD, self._memory.c_string(path), mode & 0o7777)

    @syscall("fchmod", "ii")
    def fchmod(self, fd: int, mode: int) -> None:
        self._kernel.fchmod(fd, mode & 0o7777)

    @syscall("fchmodat2", "ipii")
    def fchmodat(self, directory: int, path: int, mode: int, flags: int) -> None:
        follow = not flags & AT_SYMLINK_NOFOLLOW
        name = self._memory.c_string(path)
        self._kernel.chmod(directory, name, mode & 0o7777, follow=follow)

    @syscall("fchownat", "ipiii")
    def chown(self, directory: int, path: int, uid: int, gid: int, flags: int) -> None:
        follow = not flags & AT_SYMLINK_NOFOLLOW
        self._kernel.chown(directory, self._memory.c_string(path), uid, gid, follow=follow)

    @syscall("fchown32", "iii")
    def fchown(self, fd: int, uid: int, gid: int) -> None:
        self._kernel.fchown(fd, uid, gid)

    @syscall("mkdirat", "ipi")
    def mkdir(self, directory: int, path: int, mode: int) -> None:
        self._kernel.mkdir(directory, self._memory.c_string(path), mode & 0o7777)

    @syscall("mknodat", "ipii")
    def mknod(self, _directory: int, _path: int, _mode: int, _device: int) -> None:
        raise Failure(Errno.EPERM)

    @syscall("rmdir", "p")
    def rmdir(self, path: int) -> None:
        self._kernel.rmdir(AT_FDCWD, self._memory.c_string(path))

    @syscall("unlinkat", "ipi")
    def unlink(self, directory: int, path: int, flags: int) -> None:
        name = self._memory.c_string(path)
        if flags & AT_REMOVEDIR:
            self._kernel.rmdir(directory, name)
        else:
            self._kernel.unlink(directory, name)

    @syscall("renameat", "ipip")
    def rename(self, old_directory: int, old: int, new_directory: int, new: int) -> None:
        source, target = self._memory.c_string(old), self._memory.c_string(new)
        self._kernel.rename(old_directory, source, new_directory, target)

    @syscall("symlinkat", "pip")
    def symlink(self, target: int, directory: int, path: int) -> None:
        text, name = self._memory.c_string(target), self._memory.c_string(path)
        self._kernel.symlink(text, directory, name)

    @syscall("readlinkat", "ippp")
    def readlink(self, directory: int, path: int, buffer: int, size: int) -> int:
        if size == 0:
            raise Failure(Errno.EINVAL)
        target = self._kernel.readlink(directory, self._memory.c_string(path))[:size]
        self._memory.write(buffer, target)
        return len(target)

    @syscall("truncate64", "pl")
    def truncate(self, path: int, size: int) -> None:
        self._kernel.truncate(AT_FDCWD, self._memory.c_string(path), size)

    @syscall("ftruncate64", "il")
    def ftruncate(self, fd: int, size: int) -> None:
        self._kernel.ftruncate(fd, size)

    @syscall("utimensat", "ippi")
    def utimens(self, directory: int, path: int, times: int, flags: int) -> None:
        accessed, modified = self._read_times(times)
        name = self._memory.c_string(path) if path else b""
        if not name and directory != AT_FDCWD:
            self._kernel.futimens(directory, accessed, modified)
            return
        follow = not flags & AT_SYMLINK_NOFOLLOW
        self._kernel.utimens(directory, name, accessed, modified, follow=follow)

    def _read_times(self, times: int) -> tuple[int | None, int | None]:
        now = self._kernel.clock.wall_ns()
        if not times:
            return now, now
        accessed_s, accessed_ns, modified_s, modified_ns = self._memory.unpack(_TIMES, times)
        return _time(accessed_s, accessed_ns, now), _time(modified_s, modified_ns, now)

    @syscall("getdents64", "ipp")
    def read_directory(self, fd: int, buffer: int, size: int) -> int:
        count = size // _DIRECTORY_ENTRY.size
        if count == 0:
            raise Failure(Errno.EINVAL)
        entries = self._kernel.read_directory(fd, min(count, 1024))
        packed = b"".join(
            _DIRECTORY_ENTRY.pack(
                entry.inode, entry.next_position, _DIRECTORY_ENTRY.size, entry.kind, entry.name
            )
            for entry in entries
        )
        self._memory.write(buffer, packed)
        return len(packed)

    @syscall("statfs64", "ppp")
    def statfs(self, path: int, _size: int, buffer: int) -> None:
        self._store_statistics(buffer, self._kernel.statfs(self._memory.c_string(path, PATH_MAX)))

    @syscall("fstatfs64", "ipp")
    def fstatfs(self, fd: int, _size: int, buffer: int) -> None:
        self._store_statistics(buffer, self._kernel.fstatfs(fd))

    def _store_statistics(self, buffer: int, found: FilesystemStatistics) -> None:
        self._memory.write(
            buffer,
            _STATFS.pack(
                0,
                found.block_size,
                found.blocks,
                found.blocks_free,
                found.blocks_free,
                found.files,
                found.files_free,
                0,
                0,
                found.name_max,
                found.block_size,
                found.flags,
            ),
        )

    @syscall("umask_js", "i")
    def umask(self, mask: int) -> int:
        return self._kernel.umask(mask & 0o777)


def _time(seconds: int, nanoseconds: int, now: int) -> int | None:
    if nanoseconds == _OMIT:
        return None
    if nanoseconds == _NOW:
        return now
    if nanoseconds >= _SECOND:
        raise Failure(Errno.EINVAL)
    return seconds * _SECOND + nanoseconds
