"""Opening, making, renaming and removing by name: the rules that all filesystems share.

Which error comes first where several apply follows Linux's fs/namei.c.
"""

from __future__ import annotations

from hermetic_runtime.kernel.constants import (
    NAME_MAX,
    O_ACCMODE,
    O_CREAT,
    O_DIRECTORY,
    O_EXCL,
    O_NOFOLLOW,
    O_RDONLY,
    O_TRUNC,
    O_WRONLY,
    PATH_MAX,
    R_OK,
    W_OK,
    X_OK,
)
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import Device, Directory, File, Node, Symlink
from hermetic_runtime.kernel.namespace import Location, Namespace


class Entries:
    """Operations on the entries of a namespace. `base` is where a relative path starts."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def open(self, base: Directory, path: bytes, flags: int, permissions: int) -> Node:
        """The node to open, which is made or truncated first if `flags` ask for it."""
        follow = not flags & O_NOFOLLOW
        if not flags & O_CREAT:
            node = self._namespace.resolve(base, path, follow=follow)
            self._prepare(node, flags)
            return node
        exclusive = bool(flags & O_EXCL)
        location, node = self._namespace.locate(base, path, follow=follow and not exclusive)
        if location.is_name and location.trailing_slash:
            raise Failure(Errno.EISDIR)
        _check_name(location)
        if node is None:
            self._check_directory(location)
            return location.directory.create_file(location.name, permissions)
        if exclusive:
            raise Failure(Errno.EEXIST)
        if isinstance(node, Directory):
            raise Failure(Errno.EISDIR)
        self._prepare(node, flags)
        return node

    def _prepare(self, node: Node, flags: int) -> None:
        access = flags & O_ACCMODE
        writes = access != O_RDONLY or bool(flags & O_TRUNC)
        if flags & O_DIRECTORY and not isinstance(node, Directory):
            raise Failure(Errno.ENOTDIR)
        if isinstance(node, Symlink):
            raise Failure(Errno.ELOOP)
        if writes and isinstance(node, Directory):
            raise Failure(Errno.EISDIR)
        check_access(node, (R_OK if access != O_WRONLY else 0) | (W_OK if writes else 0))
        if flags & O_TRUNC and isinstance(node, File):
            truncate(node, 0)

    def make_directory(self, base: Directory, path: bytes, permissions: int) -> None:
        location = self._new(base, path, directory=True)
        location.directory.create_directory(location.name, permissions)

    def make_symlink(self, target: bytes, base: Directory, path: bytes) -> None:
        if not target:
            raise Failure(Errno.ENOENT)
        if len(target) >= PATH_MAX:
            raise Failure(Errno.ENAMETOOLONG)
        if b"\0" in target:
            raise Failure(Errno.EINVAL)
        location = self._new(base, path)
        location.directory.create_symlink(location.name, target)

    def link(self, node: Node, base: Directory, path: bytes) -> None:
        location = self._new(base, path)
        if node.filesystem is not location.directory.filesystem:
            raise Failure(Errno.EXDEV)
        if isinstance(node, Directory):
            raise Failure(Errno.EPERM)
        location.directory.link(location.name, node)

    def _new(self, base: Directory, path: bytes, *, directory: bool = False) -> Location:
        location, node = self._namespace.locate(base, path, follow=False)
        _check_name(location)
        if node is not None:
            raise Failure(Errno.EEXIST)
        if location.trailing_slash and not directory:
            raise Failure(Errno.ENOENT)
        self._check_directory(location)
        return location

    def unlink(self, base: Directory, path: bytes) -> None:
        location, node = self._namespace.locate(base, path, follow=False)
        if not location.is_name:
            raise Failure(Errno.EISDIR)
        _check_writable(location)
        _check_name(location)
        if node is None:
            raise Failure(Errno.ENOENT)
        if isinstance(node, Directory):
            raise Failure(Errno.EISDIR)
        if location.trailing_slash:
            raise Failure(Errno.ENOTDIR)
        self._check_directory(location)
        location.directory.remove(location.name)

    def remove_directory(self, base: Directory, path: bytes) -> None:
        location, node = self._namespace.locate(base, path, follow=False)
        if not location.is_name:
            raise Failure(_RMDIR_ERRORS[location.name])
        _check_writable(location)
        _check_name(location)
        if node is None:
            raise Failure(Errno.ENOENT)
        self._check_directory(location)
        if not isinstance(node, Directory):
            raise Failure(Errno.ENOTDIR)
        if self._namespace.is_busy(location.directory, location.name):
            raise Failure(Errno.EBUSY)
        if not node.is_empty():
            raise Failure(Errno.ENOTEMPTY)
        location.directory.remove(location.name)

    def rename(
        self, old_base: Directory, old_path: bytes, new_base: Directory, new_path: bytes
    ) -> None:
        old, node = self._namespace.locate(old_base, old_path, follow=False)
        new, replaced = self._namespace.locate(new_base, new_path, follow=False)
        if old.directory.filesystem is not new.directory.filesystem:
            raise Failure(Errno.EXDEV)
        if not (old.is_name and new.is_name):
            raise Failure(Errno.EBUSY)
        _check_writable(old)
        _check_name(old)
        if node is None:
            raise Failure(Errno.ENOENT)
        _check_name(new)
        if not isinstance(node, Directory) and (old.trailing_slash or new.trailing_slash):
            raise Failure(Errno.ENOTDIR)
        if self._namespace.is_inside(new.directory, node):
            raise Failure(Errno.EINVAL)
        if replaced is not None and self._namespace.is_inside(old.directory, replaced):
            raise Failure(Errno.ENOTEMPTY)
        if node is replaced:
            return
        self._check_directory(old)
        self._check_directory(new)
        self._check_replacement(node, replaced)
        if any(self._namespace.is_busy(at.directory, at.name) for at in (old, new)):
            raise Failure(Errno.EBUSY)
        if isinstance(replaced, Directory) and not replaced.is_empty():
            raise Failure(Errno.ENOTEMPTY)
        old.directory.move(old.name, new.directory, new.name)

    def _check_replacement(self, node: Node, replaced: Node | None) -> None:
        if replaced is None:
            return
        if isinstance(node, Directory) and not isinstance(replaced, Directory):
            raise Failure(Errno.ENOTDIR)
        if isinstance(replaced, Directory) and not isinstance(node, Directory):
            raise Failure(Errno.EISDIR)

    def _check_directory(self, location: Location) -> None:
        """Entries may be made and removed there."""
        if location.directory.removed:
            raise Failure(Errno.ENOENT)
        check_access(location.directory, W_OK | X_OK)


_RMDIR_ERRORS = {b"": Errno.EBUSY, b".": Errno.EINVAL, b"..": Errno.ENOTEMPTY}


def _check_writable(location: Location) -> None:
    if not location.directory.filesystem.writable:
        raise Failure(Errno.EROFS)


def _check_name(location: Location) -> None:
    if len(location.name) > NAME_MAX:
        raise Failure(Errno.ENAMETOOLONG)


def check_access(node: Node, wanted: int) -> None:
    """Raises `Failure(EROFS)` or `Failure(EACCES)` unless R_OK, W_OK and X_OK in `wanted`
    are granted to the owner, who is the guest.
    """
    if wanted & W_OK and not node.filesystem.writable and not isinstance(node, Device):
        raise Failure(Errno.EROFS)
    if wanted & ~(node.mode >> 6) & (R_OK | W_OK | X_OK):
        raise Failure(Errno.EACCES)


def truncate(file: File, size: int) -> None:
    """Resize a file that need not be open."""
    file.acquire()
    try:
        file.resize(size)
    finally:
        file.release()
