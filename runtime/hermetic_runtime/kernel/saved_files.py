"""What a guest's writable folders hold, saved and brought back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hermetic_runtime.kernel.constants import (
    AT_FDCWD,
    O_CREAT,
    O_DIRECTORY,
    O_EXCL,
    O_RDONLY,
    O_WRONLY,
    S_IFDIR,
    S_IFLNK,
    S_IFMT,
    S_IFREG,
)
from hermetic_runtime.kernel.kernel import Kernel

FOLDERS = (b"/tmp", b"/workspace")
_LISTED_AT_ONCE = 256
_CHUNK_BYTES = 1024 * 1024


class SavedFile(NamedTuple):
    """A directory, a symlink or a regular file; `contents` is a symlink's target."""

    path: bytes
    mode: int
    contents: bytes
    mtime_ns: int


def save_files(kernel: Kernel, folders: Iterable[bytes] = FOLDERS) -> list[SavedFile]:
    """Everything below `folders`, parents first. Other kinds of nodes are left out."""
    return [saved for folder in folders for saved in _save_below(kernel, folder)]


def _save_below(kernel: Kernel, folder: bytes) -> Iterator[SavedFile]:
    for name in _names(kernel, folder):
        path = folder + b"/" + name
        status = kernel.stat(AT_FDCWD, path, follow=False)
        kind = status.mode & S_IFMT
        contents = b""
        if kind == S_IFREG:
            contents = _contents(kernel, path)
        elif kind == S_IFLNK:
            contents = kernel.readlink(AT_FDCWD, path)
        elif kind != S_IFDIR:
            continue
        yield SavedFile(path, status.mode, contents, status.mtime_ns)
        if kind == S_IFDIR:
            yield from _save_below(kernel, path)


def _names(kernel: Kernel, folder: bytes) -> list[bytes]:
    fd = kernel.open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0)
    names: list[bytes] = []
    while entries := kernel.read_directory(fd, _LISTED_AT_ONCE):
        names += [entry.name for entry in entries if entry.name not in (b".", b"..")]
    kernel.close(fd)
    return names


def _contents(kernel: Kernel, path: bytes) -> bytes:
    fd = kernel.open(AT_FDCWD, path, O_RDONLY, 0)
    pieces: list[bytes] = []
    while piece := kernel.read(fd, _CHUNK_BYTES):
        pieces.append(bytes(piece))
    kernel.close(fd)
    return b"".join(pieces)


def restore_files(kernel: Kernel, files: Iterable[SavedFile]) -> None:
    """Make what `save_files` saved, in folders that are empty.

    Raises `Failure` where the guest's limits don't allow it.
    """
    restored = list(files)
    for saved in restored:
        kind, permissions = saved.mode & S_IFMT, saved.mode & 0o7777
        if kind == S_IFDIR:
            kernel.mkdir(AT_FDCWD, saved.path, permissions)
        elif kind == S_IFLNK:
            kernel.symlink(saved.contents, AT_FDCWD, saved.path)
            continue
        else:
            fd = kernel.open(AT_FDCWD, saved.path, O_WRONLY | O_CREAT | O_EXCL, permissions)
            kernel.write(fd, saved.contents)
            kernel.close(fd)
        kernel.chmod(AT_FDCWD, saved.path, permissions)
    for saved in restored:
        if saved.mode & S_IFMT == S_IFREG:
            kernel.utimens(AT_FDCWD, saved.path, saved.mtime_ns, saved.mtime_ns)
