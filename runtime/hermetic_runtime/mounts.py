"""Host directories that a guest sees, and how what it changed there comes back."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.kernel.constants import NAME_MAX, PATH_MAX
from hermetic_runtime.kernel.overlay import Change, ChangeKind
from hermetic_runtime.kernel.tree_bounds import LEVELS_MAX, PATH_BYTES_MAX
from hermetic_runtime.limits import GIB

_RESERVED = ("dev", "lib")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = re.compile(rb"\.hermetic-[0-9a-f]{16}")
_NEW_MODE = 0o755
"""Permissions that a new file or directory may have at the most."""
_HINT = "A mount is HOST:GUEST or HOST:GUEST:rw, for example ./data:/data."


@dataclass(frozen=True, slots=True)
class Mount:
    """The host directory `host`, which the guest sees at `guest`.

    Raises `InvalidInput` when `host` is not a directory, and when `guest` is not an
    absolute path or is a place that the system needs. Both are normalised.
    """

    host: Path
    guest: str
    writable: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "host", _checked_host(self.host))
        object.__setattr__(self, "guest", _checked_guest(self.guest))

    @classmethod
    def parse(cls, text: str) -> Mount:
        """Read "HOST:GUEST", "HOST:GUEST:ro" or "HOST:GUEST:rw". HOST may hold colons.

        Raises `InvalidInput`, for a place or a directory that can't be as well.
        """
        rest, separator, access = text.rpartition(":")
        if not separator or access not in ("ro", "rw"):
            rest, access = text, "ro"
        host, separator, guest = rest.rpartition(":")
        if not (host and guest) or not guest.startswith("/"):
            raise InvalidInput(f"the mount {text!r} is not HOST:GUEST[:ro|rw]", hint=_HINT)
        return cls(Path(host), guest, access == "rw")


def _checked_host(path: Path) -> Path:
    try:
        host = Path(path).absolute()
        is_directory = stat.S_ISDIR(host.stat().st_mode)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidInput(f"the directory {str(path)!r} can't be mounted: {reason}") from error
    if not is_directory:
        raise InvalidInput(
            f"{str(path)!r} can't be mounted: it is not a directory",
            hint="Mount the directory that it is in.",
        )
    return host


def _checked_guest(path: str) -> str:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not path.startswith("/") or ".." in parts or "\0" in path:
        raise InvalidInput(
            f"the place {path!r} of a mount must be an absolute path without '..'", hint=_HINT
        )
    guest = "/" + "/".join(parts)
    if not parts or parts[0] in _RESERVED:
        raise InvalidInput(
            f"nothing can be mounted at {path!r}, which the system needs",
            hint="Choose a place of its own, such as /data.",
        )
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        raise InvalidInput(f"the place {path!r} of a mount can't be written as UTF-8") from None
    if max(sizes) > NAME_MAX or len(guest.encode()) >= PATH_MAX:
        raise InvalidInput(
            f"the place {path[:60]!r}... of a mount is too long",
            hint=f"A name may have {NAME_MAX} bytes, and a path {PATH_MAX - 1:,}.",
        )
    return guest


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that was not made on the host. As text it is safe to print."""

    path: bytes
    reason: str

    def __str__(self) -> str:
        return f"{printable_path(self.path)}: {self.reason}"


def printable_path(path: bytes) -> str:
    """A guest's path, with what could confuse a terminal written as escapes."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in path[:PATH_MAX].decode("utf-8", "backslashreplace")
    )


@dataclass(frozen=True, slots=True)
class AppliedChanges:
    """What became of the changes: the paths that are now as the guest left them, and the rest."""

    applied: Sequence[bytes]
    refused: Sequence[Refusal]


class _Refused(Exception):
    """A change can't be made, for a reason of ours."""


def apply_changes(
    directory_fd: int, changes: Iterable[Change], *, limit_bytes: int = 4 * GIB
) -> AppliedChanges:
    """Make a guest's changes in the directory that `directory_fd` is open on.

    The changes are not trusted: nothing outside of the directory is reached, whatever
    they say and whatever symlinks are on the way. Files and symlinks are replaced in
    one step. A replaced file keeps its permissions. Only what is named is removed, and
    a directory only when it is empty. Contents beyond `limit_bytes` together, and what
    the host's system refuses, are refused one by one; the others are still made.
    """
    applied: list[bytes] = []
    refused: list[Refusal] = []
    for change in changes:
        limit_bytes -= len(change.data)
        try:
            if limit_bytes < 0:
                raise _Refused("there is too much to write")
            *parents, name = _checked_parts(change.path)
            with _opened(directory_fd, parents) as directory:
                _apply(directory, name, change, depth=len(parents))
        except _Refused as refusal:
            refused.append(Refusal(change.path, str(refusal)))
        except OSError as error:
            refused.append(Refusal(change.path, error.strerror or "the system refused it"))
        else:
            applied.append(change.path)
    return AppliedChanges(applied, refused)


def remove_unfinished(directory_fd: int, changes: Iterable[Change]) -> None:
    """Remove what `apply_changes` left beside those changes when its process was killed."""
    named = {change.path for change in changes}
    for folder in {path.rpartition(b"/")[0] for path in named}:
        with suppress(_Refused, OSError):
            parents = _checked_parts(folder) if folder else []
            with _opened(directory_fd, parents) as directory:
                for name in map(os.fsencode, os.listdir(directory)):
                    path = folder + b"/" + name if folder else name
                    if _TEMPORARY.fullmatch(name) and path not in named:
                        os.unlink(name, dir_fd=directory)


def _checked_parts(path: bytes) -> list[bytes]:
    parts = path.split(b"/")
    if b"\0" in path:
        raise _Refused("this is not a path")
    if len(path) > PATH_BYTES_MAX or len(parts) > LEVELS_MAX:
        raise _Refused("its path is too long or too deep")
    if any(part in (b"", b".", b"..") or len(part) > NAME_MAX for part in parts):
        raise _Refused("this is not a plain relative path")
    return parts


@contextmanager
def _opened(directory_fd: int, parents: Sequence[bytes]) -> Generator[int]:
    """The directory below `directory_fd`, reached through no symlink."""
    current = os.open(b".", _DIRECTORY, dir_fd=directory_fd)
    try:
        for name in parents:
            below = os.open(name, _DIRECTORY, dir_fd=current)
            os.close(current)
            current = below
        yield current
    finally:
        os.close(current)


def _apply(directory: int, name: bytes, change: Change, *, depth: int) -> None:
    present = _present(directory, name)
    if change.kind is ChangeKind.REMOVED:
        _remove(directory, name, present)
    elif change.kind is ChangeKind.DIRECTORY:
        if present is None:
            os.mkdir(name, change.mode & _NEW_MODE | stat.S_IRWXU, dir_fd=directory)
        elif not stat.S_ISDIR(present.st_mode):
            raise FileExistsError(errno.EEXIST, "a file is in its place")
    else:
        if present is not None and not _is_replaceable(present):
            raise _Refused("something other than a file is in its place")
        if change.kind is ChangeKind.FILE:
            _write_file(directory, name, change, present)
        else:
            _make_symlink(directory, name, change.data, depth)


def _present(directory: int, name: bytes) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _is_replaceable(present: os.stat_result) -> bool:
    return stat.S_ISREG(present.st_mode) or stat.S_ISLNK(present.st_mode)


def _remove(directory: int, name: bytes, present: os.stat_result | None) -> None:
    if present is None:
        return
    if stat.S_ISDIR(present.st_mode):
        os.rmdir(name, dir_fd=directory)
    elif _is_replaceable(present):
        os.unlink(name, dir_fd=directory)
    else:
        raise _Refused("it is a device, a fifo or a socket")


def _write_file(
    directory: int, name: bytes, change: Change, present: os.stat_result | None
) -> None:
    if present is not None and stat.S_ISREG(present.st_mode):
        mode = present.st_mode & 0o777
    else:
        mode = change.mode & _NEW_MODE
    with _temporary_name(directory, name) as temporary:
        descriptor = os.open(temporary, _NEW_FILE, 0o600, dir_fd=directory)
        with os.fdopen(descriptor, "wb") as file:
            file.write(change.data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)


def _make_symlink(directory: int, name: bytes, target: bytes, depth: int) -> None:
    """Only what surely stays inside: each ".." leads from a real directory, so they may
    be at the beginning only, where no symlink comes before them.
    """
    parts = [part for part in target.split(b"/") if part not in (b"", b".")]
    rising = 0
    while rising < len(parts) and parts[rising] == b"..":
        rising += 1
    if not target or target.startswith(b"/") or b"\0" in target or len(target) >= PATH_MAX:
        raise _Refused("a symlink must be relative")
    if rising > depth or b".." in parts[rising:]:
        raise _Refused("the symlink may lead out of the mount")
    with _temporary_name(directory, name) as temporary:
        os.symlink(target, temporary, dir_fd=directory)


@contextmanager
def _temporary_name(directory: int, name: bytes) -> Generator[bytes]:
    """A new name in `directory`; what was made by that name is then renamed to `name`."""
    temporary = f".hermetic-{os.urandom(8).hex()}".encode()
    try:
        yield temporary
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        if _present(directory, temporary) is not None:
            os.unlink(temporary, dir_fd=directory)
        raise
