"""Mounts, and how a path leads to a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hermetic_runtime.kernel.constants import NAME_MAX, PATH_MAX, SYMLINKS_MAX
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import Directory, Filesystem, Node, Symlink


class Location(NamedTuple):
    """Where a path's last name is, or would be. `name` is b"", b"." or b".." for a path
    that ends in no name; `trailing_slash` says that only a directory will do.
    """

    directory: Directory
    name: bytes
    trailing_slash: bool

    @property
    def is_name(self) -> bool:
        return self.name not in (b"", b".", b"..")


class Namespace:
    """One tree made of several filesystems. Paths are resolved as path_resolution(7) says."""

    def __init__(self, mounts: Mapping[bytes, Filesystem]) -> None:
        self._mounted: dict[Directory, Directory] = {}
        self._covered: dict[Directory, Directory] = {}
        self._filesystems = list(mounts.values())
        self.root = mounts[b"/"].root
        for path in sorted(mounts, key=lambda path: path.count(b"/")):
            if path != b"/":
                self._mount(path, mounts[path])

    def _mount(self, path: bytes, filesystem: Filesystem) -> None:
        directory = self.root
        for name in path.strip(b"/").split(b"/"):
            if name in (b"", b".", b"..") or len(name) > NAME_MAX or b"\0" in name:
                raise ValueError(f"{path!r} can't be a mount point: it must be a plain path")
            child = self.child(directory, name)
            if child is None:
                child = directory.create_mount_point(name)
            if not isinstance(child, Directory):
                raise ValueError(f"{path!r} can't be a mount point: {name!r} is no directory")
            directory = child
        self._mounted[directory] = filesystem.root
        self._covered[filesystem.root] = directory

    def close(self) -> None:
        """Close every filesystem."""
        for filesystem in self._filesystems:
            filesystem.close()

    def child(self, directory: Directory, name: bytes) -> Node | None:
        """What `name` is in `directory`, seen through mounts."""
        node = directory.lookup(name)
        if isinstance(node, Directory):
            return self._mounted.get(node, node)
        return node

    def parent(self, directory: Directory) -> Directory:
        """The directory that ".." leads to; the root's is the root."""
        while directory is not self.root and directory in self._covered:
            directory = self._covered[directory]
        parent = directory.parent
        return self._mounted.get(parent, parent)

    def is_busy(self, directory: Directory, name: bytes) -> bool:
        """Whether the entry `name` of `directory` has to stay: something is mounted on it, or
        the system made it.
        """
        node = directory.lookup(name)
        return isinstance(node, Directory) and (node.permanent or node in self._mounted)

    def is_inside(self, directory: Directory, ancestor: Node) -> bool:
        """Whether `directory` is `ancestor` or lies below it, in one filesystem."""
        while directory is not ancestor:
            if directory is directory.parent:
                return False
            directory = directory.parent
        return True

    def path_of(self, directory: Directory) -> bytes:
        """The absolute path. Raises `Failure(ENOENT)` for a removed directory."""
        names: list[bytes] = []
        while directory is not self.root:
            if directory in self._covered:
                directory = self._covered[directory]
                continue
            if directory.removed:
                raise Failure(Errno.ENOENT)
            names.append(directory.name)
            directory = self.parent(directory)
        return b"/" + b"/".join(reversed(names))

    def resolve(self, base: Directory, path: bytes, *, follow: bool = True) -> Node:
        """The node at `path`. Without `follow`, a symlink at its end is the answer.

        Raises `Failure` with ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG or EINVAL.
        """
        _check(path)
        start = self.root if path[0] == _SLASH else base
        return self._walk(start, path.split(b"/"), follow, 0)[0]

    def locate(self, base: Directory, path: bytes, *, follow: bool) -> tuple[Location, Node | None]:
        """Where the last name of `path` is, and what is there, if anything.

        With `follow`, symlinks at the end are followed, even to where nothing is yet; it
        is for making files, and raises `Failure(EISDIR)` for a name with a trailing slash.
        Raises as `resolve` does, for the way there.
        """
        _check(path)
        followed = 0
        while True:
            location, followed = self._locate_once(base, path, followed)
            if follow and location.is_name and location.trailing_slash:
                raise Failure(Errno.EISDIR)
            if location.is_name:
                node = self.child(location.directory, location.name)
            else:
                node = self._special(location)
            if not follow or not isinstance(node, Symlink):
                return location, node
            followed += 1
            if followed > SYMLINKS_MAX:
                raise Failure(Errno.ELOOP)
            base, path = location.directory, node.target()

    def real_path(self, base: Directory, path: bytes) -> bytes:
        """The absolute path, without symlinks, of what is at `path`.

        Raises as `resolve` does, and `Failure(EISDIR)` for what is not named.
        """
        location, node = self.locate(base, path, follow=True)
        if node is None:
            raise Failure(Errno.ENOENT)
        if not location.is_name:
            raise Failure(Errno.EISDIR)
        return self.path_of(location.directory).rstrip(b"/") + b"/" + location.name

    def _locate_once(self, base: Directory, path: bytes, followed: int) -> tuple[Location, int]:
        directory = self.root if path[:1] == b"/" else base
        stripped = path.rstrip(b"/")
        head, _, name = stripped.rpartition(b"/")
        if head:
            node, followed = self._walk(directory, head.split(b"/"), True, followed)
            if not isinstance(node, Directory):
                raise Failure(Errno.ENOTDIR)
            directory = node
        _check_search(directory)
        return Location(directory, name, len(stripped) < len(path)), followed

    def _special(self, location: Location) -> Directory:
        if location.name == b"..":
            return self.parent(location.directory)
        return location.directory

    def _walk(
        self, node: Node, names: list[bytes], follow: bool, followed: int
    ) -> tuple[Node, int]:
        mounted = self._mounted
        index, last = 0, len(names) - 1
        while index <= last:
            name = names[index]
            index += 1
            if not isinstance(node, Directory):
                raise Failure(Errno.ENOTDIR)
            if not name:
                continue
            if not node.mode & 0o100:
                raise Failure(Errno.EACCES)
            if name == b".":
                continue
            if name == b"..":
                node = self.parent(node)
                continue
            child = node.lookup(name)
            if isinstance(child, Directory):
                node = mounted.get(child, child)
            elif child is None:
                raise Failure(Errno.ENOENT if len(name) <= NAME_MAX else Errno.ENAMETOOLONG)
            elif isinstance(child, Symlink) and (follow or index <= last):
                followed += 1
                if followed > SYMLINKS_MAX:
                    raise Failure(Errno.ELOOP)
                target = child.target()
                if target[:1] == b"/":
                    node = self.root
                names = target.split(b"/") + names[index:]
                index, last = 0, len(names) - 1
            else:
                node = child
        return node, followed


_SLASH = 0x2F


def _check(path: bytes) -> None:
    if not path:
        raise Failure(Errno.ENOENT)
    if len(path) >= PATH_MAX:
        raise Failure(Errno.ENAMETOOLONG)
    if b"\0" in path:
        raise Failure(Errno.EINVAL)


def _check_search(directory: Directory) -> None:
    if not directory.mode & 0o100:
        raise Failure(Errno.EACCES)
