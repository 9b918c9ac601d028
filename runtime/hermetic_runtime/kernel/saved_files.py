"""What a guest's writable folders hold, saved and brought back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hermetic_runtime.kernel.constants import (
    AT_FDCWD,
    O_CREAT,
    O_EXCL,
    O_WRONLY,
    S_IFDIR,
    S_IFLNK,
    S_IFMT,
    S_IFREG,
)
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import FIRST_POSITION, Directory, File, Node, Symlink
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.namespace import Namespace
from hermetic_runtime.kernel.saved_contents import SavedContents

FOLDERS = (b"/tmp", b"/workspace")


class SavedFile(NamedTuple):
    """A directory, a symlink or a regular file; `contents` is a symlink's target.

    Without a kind in `mode` it is one more name of the file whose path `contents` is.
    """

    path: bytes
    mode: int
    contents: bytes
    mtime_ns: int


def save_files(
    kernel: Kernel, contents: SavedContents, folders: Iterable[bytes] = FOLDERS
) -> list[SavedFile]:
    """Everything below `folders`, parents first. Other kinds of nodes are left out.

    What the guest may do plays no part in it: neither its permissions nor its descriptors.
    Raises `Failure` for more than `contents` takes.
    """
    namespace = kernel.namespace
    return [saved for folder in folders for saved in _save_below(namespace, folder, contents)]


def _save_below(
    namespace: Namespace, folder: bytes, contents: SavedContents
) -> Iterator[SavedFile]:
    pending = [(folder, _directory(namespace, folder))]
    names: dict[tuple[int, int], bytes] = {}
    while pending:
        path, directory = pending.pop()
        for entry in directory.scan(FIRST_POSITION):
            node = namespace.child(directory, entry.name)
            below = path + b"/" + entry.name
            if isinstance(node, Directory):
                yield _saved(below, node, b"")
                pending.append((below, node))
            elif isinstance(node, Symlink):
                yield _saved(below, node, node.target())
            elif isinstance(node, File):
                first = names.setdefault(node.attributes()[:2], below)
                if first == below:
                    yield _saved(below, node, contents.read(node))
                else:
                    yield SavedFile(below, 0, first, 0)


def _directory(namespace: Namespace, path: bytes) -> Directory:
    directory = namespace.root
    for name in path.strip(b"/").split(b"/"):
        node = namespace.child(directory, name)
        if not isinstance(node, Directory):
            raise Failure(Errno.ENOTDIR)
        directory = node
    return directory


def _saved(path: bytes, node: Node, contents: bytes) -> SavedFile:
    attributes = node.attributes()
    return SavedFile(path, attributes.mode, contents, attributes.mtime_ns)


def restore_files(kernel: Kernel, files: Iterable[SavedFile]) -> None:
    """Make what `save_files` saved, in folders that are empty.

    Raises `Failure` where the guest's limits don't allow it.
    """
    restored = list(files)
    for saved in restored:
        kind = saved.mode & S_IFMT
        if kind == S_IFDIR:
            kernel.mkdir(AT_FDCWD, saved.path, 0o700)
        elif kind == S_IFLNK:
            kernel.symlink(saved.contents, AT_FDCWD, saved.path)
        elif not kind:
            kernel.link(AT_FDCWD, saved.contents, AT_FDCWD, saved.path)
        else:
            fd = kernel.open(AT_FDCWD, saved.path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
            kernel.write(fd, saved.contents)
            kernel.close(fd)
    # What is in a folder comes before the folder, which may not be searched afterwards.
    for saved in reversed(restored):
        kind = saved.mode & S_IFMT
        if kind == S_IFREG:
            kernel.utimens(AT_FDCWD, saved.path, saved.mtime_ns, saved.mtime_ns)
        if kind and kind != S_IFLNK:
            kernel.chmod(AT_FDCWD, saved.path, saved.mode & 0o7777)
