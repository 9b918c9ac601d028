"""The one tree that a guest sees: mounted filesystems, and paths through them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hermetic_runtime.kernel.constants import MAX_SYMLINKS, NAME_MAX, PATH_MAX, X_OK
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import Directory, Filesystem, Link, Node


class Place(NamedTuple):
    """A directory and the way to it: `parent` is None at the root."""

    directory: Directory
    name: bytes
    parent: Place | None

    def path(self) -> bytes:
        names: list[bytes] = []
        place = self
        while place.parent is not None:
            names.append(place.name)
            place = place.parent
        return b"/" + b"/".join(reversed(names))


class Found(NamedTuple):
    """Where a path leads: `name` in `place`, and the node there, or None.

    `name` is empty when the path ends in a directory that was reached without a name
    of its own (`/`, `.`, `..`); then `place` is that directory.
    """

    place: Place
    name: bytes
    node: Node | None
    must_be_directory: bool


class Namespace:
    """Filesystems mounted on one another."""

    def __init__(self, mounts: Mapping[bytes, Filesystem]) -> None:
        self._mounted: dict[tuple[Directory, bytes], Directory] = {}
        self.root = Place(mounts[b"/"].root, b"", None)
        for path in sorted(mounts):
            if path != b"/":
                self._mount(path, mounts[path])

    def _mount(self, path: bytes, filesystem: Filesystem) -> None:
        place = self.root
        *folders, last = path.strip(b"/").split(b"/")
        for name in folders:
            node = self._child(place.directory, name)
            if node is None:
                node = place.directory.make_mount_point(name)
            if not isinstance(node, Directory):
                raise ValueError(f"{path!r} can't be mounted: {name!r} is not a directory")
            place = Place(node, name, place)
        if place.directory.lookup(last) is None and not place.directory.filesystem.read_only:
            place.directory.make_mount_point(last)
        self._mounted[place.directory, last] = filesystem.root

    def is_mount_point(self, directory: Directory, name: bytes) -> bool:
        return (directory, name) in self._mounted

    def names(self, directory: Directory) -> list[bytes]:
        """Names in a directory, mount points on read-only filesystems included."""
        names = list(directory.names())
        extra = [name for parent, name in self._mounted if parent is directory]
        return names + [name for name in extra if name not in names]

    def _child(self, directory: Directory, name: bytes) -> Node | None:
        return self._mounted.get((directory, name)) or directory.lookup(name)

    child = _child

    def resolve(self, start: Place, path: bytes, *, follow: bool) -> Found:
        """Walk `path` from `start` (from the root if it is absolute).

        The last component need not exist. With `follow`, a symbolic link at the end is
        followed. Raises `Failure` as Linux's path_resolution(7) says: ENOENT, ENOTDIR,
        EACCES, ELOOP, ENAMETOOLONG.
        """
        if not path:
            raise Failure(Errno.ENOENT)
        if len(path) >= PATH_MAX:
            raise Failure(Errno.ENAMETOOLONG)
        place = self.root if path.startswith(b"/") else start
        remaining = path.split(b"/")
        remaining.reverse()
        links = 0
        name, node = b"", None
        must_be_directory = False
        while remaining:
            component = remaining.pop()
            if component in (b"", b"."):
                must_be_directory = must_be_directory or not remaining
                continue
            last = not any(piece not in (b"", b".") for piece in remaining)
            if component == b"..":
                place = place.parent or place
                name, node, must_be_directory = b"", None, last
                continue
            if len(component) > NAME_MAX:
                raise Failure(Errno.ENAMETOOLONG)
            if not place.directory.mode & X_OK << 6:
                raise Failure(Errno.EACCES)
            found = self._mounted.get((place.directory, component))
            if found is None:
                found = place.directory.lookup(component)
            if isinstance(found, Link) and (not last or follow or remaining):
                links += 1
                if links > MAX_SYMLINKS:
                    raise Failure(Errno.ELOOP)
                if found.target.startswith(b"/"):
                    place = self.root
                pieces = found.target.split(b"/")
                pieces.reverse()
                remaining.extend(pieces)
                continue
            if last:
                name, node = component, found
                must_be_directory = must_be_directory or bool(remaining)
                break
            if found is None:
                raise Failure(Errno.ENOENT)
            if not isinstance(found, Directory):
                raise Failure(Errno.ENOTDIR)
            place = Place(found, component, place)
        if not name:
            return Found(place, b"", place.directory, True)
        if must_be_directory and node is not None and not isinstance(node, Directory):
            raise Failure(Errno.ENOTDIR)
        return Found(place, name, node, must_be_directory)

    def existing(self, start: Place, path: bytes, *, follow: bool) -> Node:
        """The node at `path`. Raises `Failure(ENOENT)` when there is none."""
        node = self.resolve(start, path, follow=follow).node
        if node is None:
            raise Failure(Errno.ENOENT)
        return node

    def directory(self, start: Place, path: bytes) -> Place:
        """The directory at `path`. Raises `Failure(ENOENT)` or `Failure(ENOTDIR)`."""
        found = self.resolve(start, path, follow=True)
        if found.node is None:
            raise Failure(Errno.ENOENT)
        if not isinstance(found.node, Directory):
            raise Failure(Errno.ENOTDIR)
        if not found.name:
            return found.place
        return Place(found.node, found.name, found.place)
