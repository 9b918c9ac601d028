"""Calls of WASI preview1 that name files, relative to an open directory."""

from __future__ import annotations

from hermetic_runtime.abi.memory import PATH_MAX, GuestMemory
from hermetic_runtime.abi.wasi.attributes import chosen_times, open_flags, pack_status
from hermetic_runtime.abi.wasi.descriptors import READ, WRITE
from hermetic_runtime.abi.wasi.results import preview1
from hermetic_runtime.kernel.constants import (
    O_CREAT,
    O_DIRECTORY,
    O_EXCL,
    O_NOFOLLOW,
    O_RDONLY,
    O_RDWR,
    O_TRUNC,
    O_WRONLY,
)
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.kernel import Kernel

_FOLLOW = 1
_OPEN_FLAGS = {1: O_CREAT, 2: O_DIRECTORY, 4: O_EXCL, 8: O_TRUNC}
"""`oflags`, and the kernel's."""
_ACCESS = {0: O_RDONLY, READ: O_RDONLY, WRITE: O_WRONLY, READ | WRITE: O_RDWR}
_FILE_MODE, _DIRECTORY_MODE = 0o666, 0o777
"""WASI passes no modes; the kernel's umask applies to these."""


class PathCalls:
    """Opening, looking at, making, renaming and removing."""

    def __init__(self, kernel: Kernel, memory: GuestMemory) -> None:
        self._kernel = kernel
        self._memory = memory

    def _path(self, address: int, length: int) -> bytes:
        if length >= PATH_MAX:
            raise Failure(Errno.ENAMETOOLONG)
        path = self._memory.read(address, length)
        if b"\0" in path:
            raise Failure(Errno.EINVAL)
        return path

    @preview1("path_open", "iippillip")
    def open(
        self,
        directory: int,
        lookup: int,
        path: int,
        length: int,
        how: int,
        rights: int,
        _inherited_rights: int,
        flags: int,
        opened: int,
    ) -> None:
        self._memory.check(opened, 4)
        name = self._path(path, length)
        wanted = _ACCESS[rights & (READ | WRITE)]
        for flag, meant in _OPEN_FLAGS.items():
            if how & flag:
                wanted |= meant
        if not lookup & _FOLLOW:
            wanted |= O_NOFOLLOW
        fd = self._kernel.open(directory, name, wanted | open_flags(flags), _FILE_MODE)
        self._memory.write_u32(opened, fd)

    @preview1("path_filestat_get", "iippp")
    def attributes(self, directory: int, lookup: int, path: int, length: int, buffer: int) -> None:
        name = self._path(path, length)
        found = self._kernel.stat(directory, name, follow=bool(lookup & _FOLLOW))
        self._memory.write(buffer, pack_status(found))

    @preview1("path_filestat_set_times", "iipplli")
    def set_times(
        self,
        directory: int,
        lookup: int,
        path: int,
        length: int,
        accessed: int,
        modified: int,
        chosen: int,
    ) -> None:
        name = self._path(path, length)
        times = chosen_times(self._kernel.clock, accessed, modified, chosen)
        self._kernel.utimens(directory, name, *times, follow=bool(lookup & _FOLLOW))

    @preview1("path_create_directory", "ipp")
    def make_directory(self, directory: int, path: int, length: int) -> None:
        self._kernel.mkdir(directory, self._path(path, length), _DIRECTORY_MODE)

    @preview1("path_remove_directory", "ipp")
    def remove_directory(self, directory: int, path: int, length: int) -> None:
        self._kernel.rmdir(directory, self._path(path, length))

    @preview1("path_unlink_file", "ipp")
    def unlink(self, directory: int, path: int, length: int) -> None:
        self._kernel.unlink(directory, self._path(path, length))

    @preview1("path_rename", "ippipp")
    def rename(
        self,
        old_directory: int,
        old: int,
        old_length: int,
        new_directory: int,
        new: int,
        new_length: int,
    ) -> None:
        source, target = self._path(old, old_length), self._path(new, new_length)
        self._kernel.rename(old_directory, source, new_directory, target)

    @preview1("path_link", "iippipp")
    def link(
        self,
        old_directory: int,
        lookup: int,
        old: int,
        old_length: int,
        new_directory: int,
        new: int,
        new_length: int,
    ) -> None:
        source, target = self._path(old, old_length), self._path(new, new_length)
        follow = bool(lookup & _FOLLOW)
        self._kernel.link(old_directory, source, new_directory, target, follow=follow)

    @preview1("path_symlink", "ppipp")
    def symlink(
        self, target: int, target_length: int, directory: int, path: int, length: int
    ) -> None:
        text, name = self._path(target, target_length), self._path(path, length)
        self._kernel.symlink(text, directory, name)

    @preview1("path_readlink", "ippppp")
    def readlink(
        self, directory: int, path: int, length: int, buffer: int, size: int, used: int
    ) -> None:
        target = self._kernel.readlink(directory, self._path(path, length))[:size]
        self._memory.write(buffer, target)
        self._memory.write_u32(used, len(target))
