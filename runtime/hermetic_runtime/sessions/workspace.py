"""The files of a session, reached from outside. Nothing outside of its folder is, whatever
names and symlinks say.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from mmap import mmap
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from hermetic_runtime.errors import InvalidInput, SessionNotFound
from hermetic_runtime.kernel.constants import NAME_MAX
from hermetic_runtime.kernel.overlay import Change, ChangeKind
from hermetic_runtime.kernel.quota import ENTRY_BYTES
from hermetic_runtime.kernel.tree_bounds import LEVELS_MAX, PATH_BYTES_MAX
from hermetic_runtime.limits import Limits
from hermetic_runtime.reported import WorkspaceFile
from hermetic_runtime.sessions.journal import make_changes

_NOFOLLOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class WorkspaceUsage(NamedTuple):
    """What the workspace takes of the session's limits."""

    bytes: int
    files: int


def checked_path(path: str) -> bytes:
    """A plain relative path, as bytes. Raises `InvalidInput` for any other."""
    if not isinstance(path, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInput(f"the path of a file must be text, not {type(path).__name__}")
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"the path {path!r} can't be written as UTF-8") from None
    parts = encoded.split(b"/")
    if path.startswith("/") or ".." in path.split("/"):
        raise InvalidInput(
            f"the path {path!r} must be relative to /workspace and have no '..'",
            hint="For example: data/input.csv",
        )
    if b"\0" in encoded or any(part in (b"", b".") for part in parts):
        raise InvalidInput(
            f"the path {path[:60]!r} must have no empty part, no '.' and no NUL",
            hint="For example: data/input.csv",
        )
    if len(encoded) > PATH_BYTES_MAX or max(map(len, parts)) > NAME_MAX:
        raise InvalidInput(
            f"the path {path[:60]!r}... is too long",
            hint=f"A name may have {NAME_MAX} bytes, and a path {PATH_BYTES_MAX:,}.",
        )
    if len(parts) > LEVELS_MAX:
        raise InvalidInput(
            f"the path {path[:60]!r}... is too deep: it has {len(parts):,} names, and may have"
            f" {LEVELS_MAX}",
        )
    return encoded


class Workspace:
    """The folder `path`, within `limits`."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self._limits = limits

    def put(self, path: str, data: bytes | mmap) -> None:
        """Make or replace a file, and the folders that it is in. A large one can be mapped.

        Raises `InvalidInput` for a name that can't be, and past the limits.
        """
        encoded = checked_path(path)
        usage = self.usage()
        if usage.bytes + len(data) > self._limits.disk_bytes or usage.files >= self._limits.files:
            raise InvalidInput(
                f"{path!r} does not fit: the workspace may hold {self._limits.disk_bytes:,} bytes"
                f" in {self._limits.files:,} files",
                hint="Remove files that are no longer needed.",
            )
        parts = encoded.split(b"/")
        changes = [
            Change(b"/".join(parts[:end]), ChangeKind.DIRECTORY, mode=0o755)
            for end in range(1, len(parts))
        ]
        self._make([*changes, Change(encoded, ChangeKind.FILE, cast("bytes", data), 0o644)])

    def get(self, path: str) -> bytes:
        """A file's contents. Raises as `open` does."""
        with self.open(path) as file:
            return file.read()

    def open(self, path: str) -> BinaryIO:
        """A file, to read; it is replaced and never changed, so that it stays as it is now.

        Raises `SessionNotFound`, and `InvalidInput` for what is no file or is reached
        through a symlink.
        """
        *parents, name = checked_path(path).split(b"/")
        try:
            current = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                for part in parents:
                    below = os.open(part, _NOFOLLOW | os.O_DIRECTORY, dir_fd=current)
                    os.close(current)
                    current = below
                descriptor = os.open(name, _NOFOLLOW, dir_fd=current)
            finally:
                os.close(current)
        except FileNotFoundError:
            raise SessionNotFound(f"there is no file {path!r} in the workspace") from None
        except OSError as error:
            raise InvalidInput(
                f"{path!r} in the workspace can't be read: {error.strerror}"
            ) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise InvalidInput(
                f"{path!r} in the workspace is not a regular file", hint="Name a file below it."
            )
        return os.fdopen(descriptor, "rb")

    def list(self) -> list[WorkspaceFile]:
        """All files, by path. Names that are not UTF-8 are shown with escapes."""
        return sorted(
            (
                WorkspaceFile(os.fsencode(path).decode("utf-8", "backslashreplace"), entry.size)
                for path, entry in self._walk()
                if entry.is_file
            ),
            key=lambda file: file.path,
        )

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all that is in it.

        Raises `SessionNotFound`, and `InvalidInput` for a name that can't be.
        """
        encoded = checked_path(path)
        below = [
            Change(os.fsencode(found), ChangeKind.REMOVED)
            for found, _ in self._walk()
            if os.fsencode(found) == encoded or os.fsencode(found).startswith(encoded + b"/")
        ]
        if not below:
            raise SessionNotFound(f"there is no file {path!r} in the workspace")
        self._make(sorted(below, key=lambda change: change.path.count(b"/"), reverse=True))

    def usage(self) -> WorkspaceUsage:
        """What is there, counted as a guest's own disk is: names and entries take room too."""
        size = files = 0
        for path, entry in self._walk():
            size += entry.size + ENTRY_BYTES + len(os.path.basename(path))
            files += 1
        return WorkspaceUsage(size, files)

    def _make(self, changes: list[Change]) -> None:
        for refusal in make_changes(self._path, changes):
            raise InvalidInput(f"the workspace can't be changed: {refusal}")

    def _walk(self) -> Iterator[tuple[str, _Entry]]:
        """(path, entry) of everything, without following symlinks."""
        pending = [("", str(self._path))]
        while pending:
            prefix, folder = pending.pop()
            with os.scandir(folder) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    path = prefix + entry.name
                    is_file = stat.S_ISREG(status.st_mode)
                    yield (
                        path,
                        _Entry(is_file, 0 if stat.S_ISDIR(status.st_mode) else status.st_size),
                    )
                    if entry.is_dir(follow_symlinks=False):
                        pending.append((path + "/", entry.path))


class _Entry(NamedTuple):
    is_file: bool
    size: int
