"""The kernel: every system call, under one roof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

from hermetic_runtime.kernel import entropy
from hermetic_runtime.kernel.attributes import Attributes, DirectoryEntry, FilesystemStatistics
from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.constants import (
    AT_FDCWD,
    F_OK,
    GID,
    O_CLOEXEC,
    O_NONBLOCK,
    POLLERR,
    POLLHUP,
    POLLNVAL,
    R_OK,
    UID,
    W_OK,
    X_OK,
)
from hermetic_runtime.kernel.descriptions import (
    Description,
    DeviceDescription,
    DirectoryDescription,
    FileDescription,
)
from hermetic_runtime.kernel.descriptors import DescriptorTable
from hermetic_runtime.kernel.devices import DescriptorDevice
from hermetic_runtime.kernel.entries import Entries, check_access, truncate
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import Device, Directory, File, Filesystem, Node, Symlink
from hermetic_runtime.kernel.memory import MemoryFilesystem
from hermetic_runtime.kernel.namespace import Namespace
from hermetic_runtime.kernel.pipes import Pipe, PipeReader, PipeWriter
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.kernel.standard_streams import InputDescription, OutputDescription
from hermetic_runtime.kernel.streams import InputStream, OutputStream
from hermetic_runtime.kernel.wakeup import Wakeup

_UNCHANGED_ID = (-1, 0xFFFFFFFF)


class Kernel:
    """What one guest has for an operating system. Called from the guest's thread only.

    A call that fails raises `Failure`. Paths are bytes, `dirfd` is a directory's
    descriptor or AT_FDCWD, times are nanoseconds since 1970, and timeouts are seconds.
    Descriptors 0, 1 and 2 are open from the start. Raises `ValueError` when `mounts` or
    `cwd` don't fit together.
    """

    uid = UID
    gid = GID

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
        if b"/" not in mounts:
            mounts = {b"/": MemoryFilesystem(quota, clock), **mounts}
        self._namespace = Namespace(mounts)
        self._entries = Entries(self._namespace)
        self._table = DescriptorTable(open_files)
        self._streams = (
            InputDescription(stdin),
            OutputDescription(stdout),
            OutputDescription(stderr),
        )
        self.reopen_streams()
        self._wakeup = wakeup
        self._umask = 0o022
        self._next_pipe = count(1).__next__
        self._cwd = self._namespace.root
        try:
            self.chdir(cwd)
        except Failure as failure:
            raise ValueError(f"the guest can't start in {cwd!r}: {failure}") from failure

    @property
    def table(self) -> DescriptorTable:
        return self._table

    @property
    def namespace(self) -> Namespace:
        return self._namespace

    @property
    def wakeup(self) -> Wakeup:
        return self._wakeup

    def _base(self, dirfd: int, path: bytes) -> Directory:
        if dirfd == AT_FDCWD or path[:1] == b"/":
            return self._cwd
        description = self._table.get(dirfd)
        if not isinstance(description, DirectoryDescription):
            raise Failure(Errno.ENOTDIR)
        return description.directory

    def _resolve(self, dirfd: int, path: bytes, follow: bool = True) -> Node:
        return self._namespace.resolve(self._base(dirfd, path), path, follow=follow)

    # Opening and closing

    def reopen_streams(self) -> None:
        """Have descriptors 0, 1 and 2 be the guest's streams where they are closed."""
        for fd, description in enumerate(self._streams):
            if self._table.find(fd) is None:
                self._table.replace(fd, description)

    def open(self, dirfd: int, path: bytes, flags: int, mode: int) -> int:
        self._table.check_free()
        base = self._base(dirfd, path)
        node = self._entries.open(base, path, flags, mode & 0o7777 & ~self._umask)
        description = self.describe(node, flags)
        if description.references == 0:
            description.opened = (base, path)
        return self._table.add(description, cloexec=bool(flags & O_CLOEXEC))

    def describe(self, node: Node, flags: int) -> Description:
        """An open file description of `node`, whatever its permissions are."""
        if isinstance(node, File):
            return FileDescription(node, flags)
        if isinstance(node, Directory):
            parent = self._namespace.parent(node)
            return DirectoryDescription(node, parent.attributes().inode, flags)
        if isinstance(node, DescriptorDevice):
            description = self._table.find(node.fd)
            if description is None:
                raise Failure(Errno.ENOENT)
            return description
        if isinstance(node, Device):
            return DeviceDescription(node, flags)
        raise Failure(Errno.ENXIO)

    def close(self, fd: int) -> None:
        self._table.close(fd)

    def close_all(self) -> None:
        """Close every descriptor and filesystem. The kernel is not used afterwards."""
        self._table.close_all()
        self._namespace.close()

    def dup(self, fd: int, minimum: int = 0, *, cloexec: bool = False) -> int:
        return self._table.add(self._table.get(fd), minimum=minimum, cloexec=cloexec)

    def dup_to(self, old: int, new: int, *, cloexec: bool = False) -> int:
        description = self._table.get(old)
        if old != new:
            self._table.replace(new, description, cloexec=cloexec)
        return new

    def pipe(self, flags: int = 0) -> tuple[int, int]:
        """(reader, writer). `flags` may hold O_NONBLOCK and O_CLOEXEC."""
        pipe = Pipe(self._wakeup, self._next_pipe(), self.clock.wall_ns())
        cloexec = bool(flags & O_CLOEXEC)
        reader = self._table.add(PipeReader(pipe, flags & O_NONBLOCK), cloexec=cloexec)
        try:
            writer = self._table.add(PipeWriter(pipe, flags & O_NONBLOCK), cloexec=cloexec)
        except Failure:
            self._table.close(reader)
            raise
        return reader, writer

    def descriptor_flags(self, fd: int) -> int:
        return self._table.flags(fd)

    def set_descriptor_flags(self, fd: int, flags: int) -> None:
        self._table.set_flags(fd, flags)

    def status_flags(self, fd: int) -> int:
        return self._table.get(fd).flags

    def set_status_flags(self, fd: int, flags: int) -> None:
        self._table.get(fd).set_flags(flags)

    # Contents

    def read(self, fd: int, size: int) -> bytes | memoryview:
        if size < 0:
            raise Failure(Errno.EINVAL)
        return self._table.get(fd).read(size)

    def pread(self, fd: int, size: int, offset: int) -> bytes | memoryview:
        if size < 0:
            raise Failure(Errno.EINVAL)
        return self._table.get(fd).pread(size, offset)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        return self._table.get(fd).write(data)

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        return self._table.get(fd).pwrite(data, offset)

    def seek(self, fd: int, offset: int, whence: int) -> int:
        return self._table.get(fd).seek(offset, whence)

    def ftruncate(self, fd: int, size: int) -> None:
        self._table.get(fd).resize(size)

    def truncate(self, dirfd: int, path: bytes, size: int) -> None:
        if size < 0:
            raise Failure(Errno.EINVAL)
        node = self._resolve(dirfd, path)
        if isinstance(node, Directory):
            raise Failure(Errno.EISDIR)
        if not isinstance(node, File):
            raise Failure(Errno.EINVAL)
        check_access(node, W_OK)
        truncate(node, size)

    def allocate(self, fd: int, offset: int, length: int) -> None:
        """As fallocate(2) with mode 0."""
        self._table.get(fd).allocate(offset, length)

    def fsync(self, fd: int) -> None:
        self._table.get(fd).sync()

    def read_directory(self, fd: int, count: int) -> list[DirectoryEntry]:
        """The next entries, at most `count`; none at the end."""
        return self._table.get(fd).read_directory(count)

    def poll(self, requests: Sequence[tuple[int, int]], timeout: float | None) -> list[int]:
        """For each (fd, events) the events that hold, waiting until there is one or the
        time is over. Without requests it just waits.
        """
        answers: list[int] = []

        def ready() -> bool:
            answers[:] = [self._events(fd, events) for fd, events in requests]
            return any(answers)

        self._wakeup.wait(ready, timeout)
        return answers

    def _events(self, fd: int, wanted: int) -> int:
        if fd < 0:
            return 0
        description = self._table.find(fd)
        if description is None:
            return POLLNVAL
        return description.events() & (wanted | POLLERR | POLLHUP)

    def is_terminal(self, fd: int) -> bool:
        """False: there are no terminals."""
        self._table.get(fd)
        return False

    # Attributes

    def stat(self, dirfd: int, path: bytes, *, follow: bool = True) -> Attributes:
        return self._resolve(dirfd, path, follow).attributes()

    def fstat(self, fd: int) -> Attributes:
        return self._table.get(fd).attributes()

    def access(self, dirfd: int, path: bytes, mode: int, *, follow: bool = True) -> None:
        if mode & ~(R_OK | W_OK | X_OK):
            raise Failure(Errno.EINVAL)
        node = self._resolve(dirfd, path, follow)
        if mode != F_OK:
            check_access(node, mode)

    def chmod(self, dirfd: int, path: bytes, mode: int, *, follow: bool = True) -> None:
        self._set_mode(self._resolve(dirfd, path, follow), mode)

    def fchmod(self, fd: int, mode: int) -> None:
        self._set_mode(self._node(fd), mode)

    def _set_mode(self, node: Node, mode: int) -> None:
        if isinstance(node, Symlink):
            raise Failure(Errno.ENOTSUP)
        node.set_mode(mode & 0o7777)

    def _node(self, fd: int) -> Node:
        node = self._table.get(fd).node
        if node is None:
            raise Failure(Errno.EPERM)
        return node

    def chown(self, dirfd: int, path: bytes, uid: int, gid: int, *, follow: bool = True) -> None:
        """Everything belongs to the guest and can't be given away."""
        self._resolve(dirfd, path, follow)
        self._check_owner(uid, gid)

    def fchown(self, fd: int, uid: int, gid: int) -> None:
        self._table.get(fd)
        self._check_owner(uid, gid)

    def _check_owner(self, uid: int, gid: int) -> None:
        if uid not in (UID, *_UNCHANGED_ID) or gid not in (GID, *_UNCHANGED_ID):
            raise Failure(Errno.EPERM)

    def utimens(
        self,
        dirfd: int,
        path: bytes,
        atime_ns: int | None,
        mtime_ns: int | None,
        *,
        follow: bool = True,
    ) -> None:
        """None leaves a time as it is."""
        self._resolve(dirfd, path, follow).set_times(atime_ns, mtime_ns)

    def futimens(self, fd: int, atime_ns: int | None, mtime_ns: int | None) -> None:
        self._node(fd).set_times(atime_ns, mtime_ns)

    def statfs(self, path: bytes) -> FilesystemStatistics:
        return self._resolve(AT_FDCWD, path).filesystem.statistics()

    def fstatfs(self, fd: int) -> FilesystemStatistics:
        node = self._table.get(fd).node or self._namespace.root
        return node.filesystem.statistics()

    # Names

    def mkdir(self, dirfd: int, path: bytes, mode: int) -> None:
        base = self._base(dirfd, path)
        self._entries.make_directory(base, path, mode & 0o1777 & ~self._umask)

    def rmdir(self, dirfd: int, path: bytes) -> None:
        self._entries.remove_directory(self._base(dirfd, path), path)

    def unlink(self, dirfd: int, path: bytes) -> None:
        self._entries.unlink(self._base(dirfd, path), path)

    def rename(self, old_dirfd: int, old: bytes, new_dirfd: int, new: bytes) -> None:
        old_base, new_base = self._base(old_dirfd, old), self._base(new_dirfd, new)
        self._entries.rename(old_base, old, new_base, new)

    def link(
        self, old_dirfd: int, old: bytes, new_dirfd: int, new: bytes, *, follow: bool = False
    ) -> None:
        node = self._resolve(old_dirfd, old, follow)
        self._entries.link(node, self._base(new_dirfd, new), new)

    def symlink(self, target: bytes, dirfd: int, path: bytes) -> None:
        self._entries.make_symlink(target, self._base(dirfd, path), path)

    def readlink(self, dirfd: int, path: bytes) -> bytes:
        node = self._resolve(dirfd, path, False)
        if not isinstance(node, Symlink):
            raise Failure(Errno.EINVAL)
        return node.target()

    def real_path(self, path: bytes) -> bytes:
        """As realpath(3): absolute, and no part of it a symlink."""
        return self._namespace.real_path(self._base(AT_FDCWD, path), path)

    # The process

    def chdir(self, path: bytes) -> None:
        self._change_directory(self._resolve(AT_FDCWD, path))

    def fchdir(self, fd: int) -> None:
        node = self._table.get(fd).node
        if node is None:
            raise Failure(Errno.ENOTDIR)
        self._change_directory(node)

    def _change_directory(self, node: Node) -> None:
        if not isinstance(node, Directory):
            raise Failure(Errno.ENOTDIR)
        check_access(node, X_OK)
        self._cwd = node

    def getcwd(self) -> bytes:
        return self._namespace.path_of(self._cwd)

    def umask(self, mask: int) -> int:
        """Set the mask; the former one."""
        former, self._umask = self._umask, mask & 0o777
        return former

    def random(self, size: int) -> bytes:
        return entropy.fill(size)
