"""The system calls, in terms of Python: paths are bytes, failures are `Failure`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from hermetic_runtime.kernel.attributes import (
    Attributes,
    DirectoryEntry,
    FilesystemStatistics,
)
from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.constants import (
    AT_FDCWD,
    FD_CLOEXEC,
    GUEST_GID,
    GUEST_UID,
    O_ACCMODE,
    O_CLOEXEC,
    O_CREAT,
    O_DIRECTORY,
    O_EXCL,
    O_NOFOLLOW,
    O_NONBLOCK,
    O_RDONLY,
    O_TRUNC,
    O_WRONLY,
    POLLERR,
    POLLHUP,
    POLLNVAL,
    R_OK,
    W_OK,
    X_OK,
)
from hermetic_runtime.kernel.descriptors import (
    Description,
    DescriptorTable,
    OpenDevice,
    OpenDirectory,
    OpenFile,
    OpenInput,
    OpenOutput,
    PipeReader,
    PipeWriter,
)
from hermetic_runtime.kernel.devices import DescriptorDevice
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import Device, Directory, File, Filesystem, Link, Node
from hermetic_runtime.kernel.namespace import Found, Namespace, Place
from hermetic_runtime.kernel.pipes import Pipe
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.kernel.streams import InputStream, OutputStream
from hermetic_runtime.kernel.wakeup import Wakeup


class Kernel:
    """One guest's system. Every method may raise `Failure`; those that wait or write to
    the host may raise a `GuestStop`. Called from the guest's thread only."""

    uid = GUEST_UID
    gid = GUEST_GID

    def __init__(
        self,
        *,
        mounts: Mapping[bytes, Filesystem],
        quota: Quota,
        open_files: int,
        stdin: InputStream,
        stdout: OutputStream,
        stderr: OutputStream,
        wakeup: Wakeup,
        clock: Clock,
        cwd: bytes = b"/workspace",
    ) -> None:
        self.clock = clock
        self.quota = quota
        self._wakeup = wakeup
        self._namespace = Namespace(mounts)
        self._cwd = self._namespace.directory(self._namespace.root, cwd)
        self._umask = 0o022
        self._descriptors = DescriptorTable(open_files)
        for description in (OpenInput(stdin), OpenOutput(stdout), OpenOutput(stderr)):
            self._descriptors.add(description)

    def _start(self, directory: int, path: bytes) -> Place:
        """The place that `path` is relative to."""
        if directory == AT_FDCWD or path.startswith(b"/"):
            return self._cwd
        description = self._descriptors.get(directory)
        if not isinstance(description, OpenDirectory):
            raise Failure(Errno.ENOTDIR)
        return description.place

    def _resolve(self, directory: int, path: bytes, *, follow: bool = True) -> Found:
        return self._namespace.resolve(self._start(directory, path), path, follow=follow)

    def _existing(self, directory: int, path: bytes, *, follow: bool = True) -> Node:
        node = self._resolve(directory, path, follow=follow).node
        if node is None:
            raise Failure(Errno.ENOENT)
        return node

    def _new_name(self, directory: int, path: bytes) -> tuple[Directory, bytes]:
        """Where a new thing is to be named; nothing may be there yet."""
        found = self._resolve(directory, path, follow=False)
        if found.node is not None:
            raise Failure(Errno.EEXIST)
        _require_change(found.place.directory)
        return found.place.directory, found.name

    def _old_name(self, directory: int, path: bytes) -> tuple[Directory, bytes, Node]:
        """A name that is there and may be taken away."""
        found = self._resolve(directory, path, follow=False)
        if found.node is None:
            raise Failure(Errno.ENOENT)
        if not found.name:
            raise Failure(Errno.EBUSY)
        if self._namespace.is_mount_point(found.place.directory, found.name):
            raise Failure(Errno.EBUSY)
        _require_change(found.place.directory)
        return found.place.directory, found.name, found.node

    def open(self, directory: int, path: bytes, flags: int, mode: int) -> int:
        """The new descriptor, the lowest that is free."""
        creating = bool(flags & O_CREAT)
        follow = not flags & O_NOFOLLOW and not (creating and flags & O_EXCL)
        found = self._resolve(directory, path, follow=follow)
        if found.node is None:
            node = self._create(found, flags, mode)
        elif creating and flags & O_EXCL:
            raise Failure(Errno.EEXIST)
        else:
            node = found.node
            _require_access(node, flags)
        descriptor_flags = FD_CLOEXEC if flags & O_CLOEXEC else 0
        if isinstance(node, DescriptorDevice):
            return self.dup(node.descriptor, cloexec=bool(descriptor_flags))
        description = self._describe(node, found, flags)
        return self._descriptors.add(description, flags=descriptor_flags)

    def _create(self, found: Found, flags: int, mode: int) -> Node:
        if not flags & O_CREAT:
            raise Failure(Errno.ENOENT)
        if found.must_be_directory:
            raise Failure(Errno.EISDIR)
        _require_change(found.place.directory)
        return found.place.directory.create_file(found.name, mode & ~self._umask)

    def _describe(self, node: Node, found: Found, flags: int) -> Description:
        if isinstance(node, Link):
            raise Failure(Errno.ELOOP)
        if isinstance(node, Directory):
            if flags & O_ACCMODE != O_RDONLY or flags & O_CREAT:
                raise Failure(Errno.EISDIR)
            place = Place(node, found.name, found.place) if found.name else found.place
            return OpenDirectory(place, self._namespace, flags)
        if flags & O_DIRECTORY:
            raise Failure(Errno.ENOTDIR)
        if isinstance(node, Device):
            return OpenDevice(node, flags)
        if not isinstance(node, File):
            raise Failure(Errno.ENXIO)
        if flags & O_TRUNC and flags & O_ACCMODE != O_RDONLY:
            node.truncate(0)
        return OpenFile(node, flags)

    def close(self, fd: int) -> None:
        self._descriptors.close(fd)

    def close_all(self) -> None:
        """Close every descriptor, at the end."""
        self._descriptors.close_all()

    def read(self, fd: int, size: int) -> bytes | memoryview:
        """Up to `size` bytes; empty at the end of file."""
        description = self._descriptors.get(fd)
        if not description.readable:
            raise Failure(Errno.EBADF)
        return description.read(size)

    def write(self, fd: int, data: bytes) -> int:
        """Bytes written, which may be fewer than given."""
        description = self._descriptors.get(fd)
        if not description.writable:
            raise Failure(Errno.EBADF)
        return description.write(data)

    def _file(self, fd: int, *, writing: bool) -> File:
        """The regular file behind a descriptor that may be read, or written."""
        description = self._descriptors.get(fd)
        if not (description.writable if writing else description.readable):
            raise Failure(Errno.EBADF)
        if isinstance(description, OpenDirectory):
            raise Failure(Errno.EISDIR)
        if not isinstance(description, OpenFile):
            raise Failure(Errno.ESPIPE)
        return description.file

    def pread(self, fd: int, size: int, offset: int) -> bytes | memoryview:
        file = self._file(fd, writing=False)
        if offset < 0:
            raise Failure(Errno.EINVAL)
        return file.read(offset, size)

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        file = self._file(fd, writing=True)
        if offset < 0:
            raise Failure(Errno.EINVAL)
        return file.write(offset, data)

    def seek(self, fd: int, offset: int, whence: int) -> int:
        """The new offset from the start."""
        return self._descriptors.get(fd).seek(offset, whence)

    def ftruncate(self, fd: int, size: int) -> None:
        description = self._descriptors.get(fd)
        if not isinstance(description, OpenFile) or not description.writable or size < 0:
            raise Failure(Errno.EINVAL)
        description.file.truncate(size)

    def truncate(self, directory: int, path: bytes, size: int) -> None:
        node = self._existing(directory, path)
        if isinstance(node, Directory):
            raise Failure(Errno.EISDIR)
        if not isinstance(node, File) or size < 0:
            raise Failure(Errno.EINVAL)
        _require_access(node, O_WRONLY)
        node.truncate(size)

    def allocate(self, fd: int, offset: int, length: int) -> None:
        """posix_fallocate: the file is at least `offset + length` bytes long afterwards."""
        file = self._file(fd, writing=True)
        if offset < 0 or length <= 0:
            raise Failure(Errno.EINVAL)
        if file.attributes().size < offset + length:
            file.truncate(offset + length)

    def fsync(self, fd: int) -> None:
        """There is nothing below to wait for."""
        self._descriptors.get(fd)

    def stat(self, directory: int, path: bytes, *, follow: bool = True) -> Attributes:
        return self._existing(directory, path, follow=follow).attributes()

    def fstat(self, fd: int) -> Attributes:
        return self._descriptors.get(fd).attributes()

    def access(self, directory: int, path: bytes, mode: int) -> None:
        """Whether the guest may read (4), write (2), execute (1) what is there."""
        node = self._existing(directory, path)
        if mode & ~(R_OK | W_OK | X_OK):
            raise Failure(Errno.EINVAL)
        if mode & W_OK and node.filesystem.read_only and not isinstance(node, Device):
            raise Failure(Errno.EROFS)
        if node.mode >> 6 & mode != mode:
            raise Failure(Errno.EACCES)

    def mkdir(self, directory: int, path: bytes, mode: int) -> None:
        parent, name = self._new_name(directory, path)
        parent.make_directory(name, mode & ~self._umask)

    def symlink(self, target: bytes, directory: int, path: bytes) -> None:
        if not target:
            raise Failure(Errno.ENOENT)
        parent, name = self._new_name(directory, path)
        parent.make_link(name, target)

    def link(
        self,
        old_directory: int,
        old: bytes,
        new_directory: int,
        new: bytes,
        *,
        follow: bool = False,
    ) -> None:
        """A hard link."""
        node = self._existing(old_directory, old, follow=follow)
        parent, name = self._new_name(new_directory, new)
        parent.add_name(name, node)

    def readlink(self, directory: int, path: bytes) -> bytes:
        node = self._existing(directory, path, follow=False)
        if not isinstance(node, Link):
            raise Failure(Errno.EINVAL)
        return node.target

    def unlink(self, directory: int, path: bytes) -> None:
        parent, name, node = self._old_name(directory, path)
        if isinstance(node, Directory):
            raise Failure(Errno.EISDIR)
        parent.remove(name)

    def rmdir(self, directory: int, path: bytes) -> None:
        if path.rstrip(b"/").rsplit(b"/", 1)[-1] == b".":
            raise Failure(Errno.EINVAL)
        parent, name, node = self._old_name(directory, path)
        if not isinstance(node, Directory):
            raise Failure(Errno.ENOTDIR)
        parent.remove(name)

    def rename(self, old_directory: int, old: bytes, new_directory: int, new: bytes) -> None:
        parent, name, node = self._old_name(old_directory, old)
        found = self._resolve(new_directory, new, follow=False)
        if not found.name:
            raise Failure(Errno.EBUSY)
        if self._namespace.is_mount_point(found.place.directory, found.name):
            raise Failure(Errno.EBUSY)
        _require_change(found.place.directory)
        if found.must_be_directory and not isinstance(node, Directory):
            raise Failure(Errno.ENOTDIR)
        _require_replaceable(node, found)
        parent.move(name, found.place.directory, found.name)

    def read_directory(self, fd: int, count: int) -> list[DirectoryEntry]:
        """The next entries of an open directory, at most `count`; none at the end."""
        description = self._descriptors.get(fd)
        if not isinstance(description, OpenDirectory):
            raise Failure(Errno.ENOTDIR)
        return description.entries(count)

    def chmod(self, directory: int, path: bytes, mode: int, *, follow: bool = True) -> None:
        self._existing(directory, path, follow=follow).change_mode(mode)

    def fchmod(self, fd: int, mode: int) -> None:
        node = self._descriptors.get(fd).node
        if node is None:
            raise Failure(Errno.EINVAL)
        node.change_mode(mode)

    def chown(
        self, directory: int, path: bytes, uid: int, gid: int, *, follow: bool = True
    ) -> None:
        """There is one user: files can be given to nobody else (-1 leaves an id alone)."""
        self._existing(directory, path, follow=follow)
        _require_own(uid, gid)

    def fchown(self, fd: int, uid: int, gid: int) -> None:
        self._descriptors.get(fd)
        _require_own(uid, gid)

    def utimens(
        self,
        directory: int,
        path: bytes,
        accessed_ns: int | None,
        modified_ns: int | None,
        *,
        follow: bool = True,
    ) -> None:
        """Set times; None leaves one as it is."""
        node = self._existing(directory, path, follow=follow)
        node.change_times(accessed_ns, modified_ns)

    def futimens(self, fd: int, accessed_ns: int | None, modified_ns: int | None) -> None:
        node = self._descriptors.get(fd).node
        if node is None:
            raise Failure(Errno.EINVAL)
        node.change_times(accessed_ns, modified_ns)

    def chdir(self, path: bytes) -> None:
        place = self._namespace.directory(self._cwd, path)
        if not place.directory.mode & X_OK << 6:
            raise Failure(Errno.EACCES)
        self._cwd = place

    def fchdir(self, fd: int) -> None:
        description = self._descriptors.get(fd)
        if not isinstance(description, OpenDirectory):
            raise Failure(Errno.ENOTDIR)
        self._cwd = description.place

    def getcwd(self) -> bytes:
        return self._cwd.path()

    def dup(self, fd: int, minimum: int = 0, *, cloexec: bool = False) -> int:
        description = self._descriptors.get(fd)
        flags = FD_CLOEXEC if cloexec else 0
        return self._descriptors.add(description, minimum=minimum, flags=flags)

    def dup_to(self, old: int, new: int, *, cloexec: bool = False) -> int:
        description = self._descriptors.get(old)
        self._descriptors.replace(new, description, FD_CLOEXEC if cloexec else 0)
        return new

    def pipe(self, flags: int = 0) -> tuple[int, int]:
        """Descriptors of the reading and the writing end."""
        pipe = Pipe(self._wakeup)
        descriptor_flags = FD_CLOEXEC if flags & O_CLOEXEC else 0
        status = flags & O_NONBLOCK
        reader = self._descriptors.add(PipeReader(pipe, status), flags=descriptor_flags)
        try:
            writer = self._descriptors.add(PipeWriter(pipe, status), flags=descriptor_flags)
        except Failure:
            self._descriptors.close(reader)
            raise
        return reader, writer

    def descriptor_flags(self, fd: int) -> int:
        return self._descriptors.flags(fd)

    def set_descriptor_flags(self, fd: int, flags: int) -> None:
        self._descriptors.set_flags(fd, flags & FD_CLOEXEC)

    def status_flags(self, fd: int) -> int:
        return self._descriptors.get(fd).flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC)

    def set_status_flags(self, fd: int, flags: int) -> None:
        self._descriptors.get(fd).change_flags(flags)

    def poll(self, requests: Sequence[tuple[int, int]], timeout: float | None) -> list[int]:
        """The events that hold for each (descriptor, events); waits until one does.

        Without descriptors it sleeps. POLLNVAL answers for what is not open; negative
        descriptors are passed over.
        """
        answers: list[int] = []

        def ready() -> bool:
            answers[:] = [self._poll_one(fd, events) for fd, events in requests]
            return any(answers)

        self._wakeup.wait(ready, timeout)
        return answers

    def _poll_one(self, fd: int, events: int) -> int:
        if fd < 0:
            return 0
        try:
            description = self._descriptors.get(fd)
        except Failure:
            return POLLNVAL
        return description.poll() & (events | POLLERR | POLLHUP)

    def statfs(self, path: bytes) -> FilesystemStatistics:
        return self._existing(AT_FDCWD, path).filesystem.statistics()

    def fstatfs(self, fd: int) -> FilesystemStatistics:
        node = self._descriptors.get(fd).node
        if node is None:
            raise Failure(Errno.ENOSYS)
        return node.filesystem.statistics()

    def umask(self, mask: int) -> int:
        """The mask that was in force."""
        before, self._umask = self._umask, mask & 0o777
        return before

    def random(self, size: int) -> bytes:
        return os.urandom(size)


def _require_access(node: Node, flags: int) -> None:
    """The owner's permission bits, as for a user who is not root."""
    accessing = flags & O_ACCMODE
    wanted = {O_RDONLY: R_OK, O_WRONLY: W_OK}.get(accessing, R_OK | W_OK)
    if flags & O_TRUNC:
        wanted |= W_OK
    if isinstance(node, (Device, Link)):
        return
    if wanted & W_OK and isinstance(node, Directory):
        raise Failure(Errno.EISDIR)
    if wanted & W_OK and node.filesystem.read_only:
        raise Failure(Errno.EROFS)
    if node.mode >> 6 & wanted != wanted:
        raise Failure(Errno.EACCES)


def _require_change(directory: Directory) -> None:
    """That names may be added to or taken from a directory."""
    if directory.filesystem.read_only:
        raise Failure(Errno.EROFS)
    if directory.mode >> 6 & (W_OK | X_OK) != W_OK | X_OK:
        raise Failure(Errno.EACCES)


def _require_replaceable(node: Node, found: Found) -> None:
    """rename(2): what may take the place of what."""
    place: Place | None = found.place
    while place is not None:
        if place.directory is node:
            raise Failure(Errno.EINVAL)
        place = place.parent
    if found.node is None or found.node is node:
        return
    if isinstance(node, Directory) and not isinstance(found.node, Directory):
        raise Failure(Errno.ENOTDIR)
    if isinstance(found.node, Directory) and not isinstance(node, Directory):
        raise Failure(Errno.EISDIR)


def _require_own(uid: int, gid: int) -> None:
    if uid not in (-1, GUEST_UID) or gid not in (-1, GUEST_GID):
        raise Failure(Errno.EPERM)
