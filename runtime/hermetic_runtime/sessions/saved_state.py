"""What a hibernated guest consists of besides its changed pages, and how it is checked.

It was written by a guest process, which nobody trusts: every field is checked here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hermetic_runtime.kernel.constants import PATH_MAX, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG
from hermetic_runtime.kernel.pipes import CAPACITY_BYTES
from hermetic_runtime.kernel.saved_descriptors import (
    KINDS,
    SavedDescription,
    SavedDescriptors,
    SavedPipe,
)
from hermetic_runtime.kernel.saved_files import SavedFile
from hermetic_runtime.limits import GIB, Limits
from hermetic_runtime.processes.fields import Fields, ProtocolError
from hermetic_runtime.sessions.pages import BLOCK_BYTES

_COUNT = 2**63 - 1
_NANOSECONDS = 2**60
"""Of a clock that began at boot: 36 years."""
_MOST_FILES = 1_000_000
_FLAGS = 2**31 - 1


class SavedState(NamedTuple):
    """`base` is the identity of the snapshot over which pages changed; `memory_bytes` the
    size of linear memory; `instance` the interpreter's own account. Clocks are nanoseconds.
    """

    base: str
    memory_bytes: int
    instance: dict[str, Any]
    files: list[SavedFile]
    descriptors: SavedDescriptors
    cwd: bytes
    umask: int
    monotonic_ns: int
    cpu_ns: int

    def to_fields(self) -> dict[str, Any]:
        return self._asdict()

    @classmethod
    def from_fields(cls, given: object, limits: Limits) -> SavedState:
        """Raises `ProtocolError` for what a guest with these `limits` can't have left."""
        fields = Fields("state", given)
        state = cls(
            base=fields.text("base", 64),
            memory_bytes=fields.integer("memory_bytes", BLOCK_BYTES, limits.memory_bytes),
            instance=fields.mapping("instance"),
            files=[_read_file(each) for each in fields.items("files", _MOST_FILES)],
            descriptors=_read_descriptors(fields.items("descriptors", 3), limits),
            cwd=fields.binary("cwd", PATH_MAX),
            umask=fields.integer("umask", 0, 0o777),
            monotonic_ns=fields.integer("monotonic_ns", 0, _NANOSECONDS),
            cpu_ns=fields.integer("cpu_ns", 0, _NANOSECONDS),
        )
        fields.end()
        if state.memory_bytes % BLOCK_BYTES:
            raise ProtocolError("the size of memory is not one of whole pages")
        return state


def check_files(files: Sequence[SavedFile], folders: Sequence[bytes]) -> None:
    """Raises `ProtocolError` for a file that is not in one of `folders`, or in a folder below
    that comes before it: through a symlink it would be anywhere.
    """
    known = set(folders)
    regular: set[bytes] = set()
    for file in files:
        parent, _, name = file.path.rpartition(b"/")
        if parent not in known or name in (b"", b".", b".."):
            raise ProtocolError("a file is not in a folder of the guest's own")
        if file.mode & S_IFMT == S_IFDIR:
            known.add(file.path)
        elif file.mode & S_IFMT == S_IFREG:
            regular.add(file.path)
        elif not file.mode and file.contents not in regular:
            raise ProtocolError("a file is another name of one that is not there")


def _row(name: str, given: object, *columns: str) -> Fields:
    """A list as fields by name."""
    if not isinstance(given, list) or len(given) != len(columns):  # pyright: ignore[reportUnknownArgumentType]
        raise ProtocolError(f"{name} is not a list of {len(columns)}")
    return Fields(name, dict(zip(columns, given, strict=True)))  # pyright: ignore[reportUnknownArgumentType]


def _read_file(given: object) -> SavedFile:
    row = _row("file", given, "path", "mode", "contents", "mtime_ns")
    path, mode = row.binary("path", PATH_MAX), row.integer("mode", 0, 0o177777)
    if mode and mode & S_IFMT not in (S_IFREG, S_IFDIR, S_IFLNK):
        raise ProtocolError("a file is of no known kind")
    contents = row.binary("contents", 4 * GIB)
    return SavedFile(path, mode, contents, row.integer("mtime_ns", -_COUNT, _COUNT))


def _read_descriptors(given: list[object], limits: Limits) -> SavedDescriptors:
    row = _row("descriptors", given, "descriptions", "pipes", "unlinked")
    most = limits.open_files
    descriptions = [_read_description(each, most) for each in row.items("descriptions", most)]
    pipes = [_read_pipe(each) for each in row.items("pipes", most)]
    unlinked = row.items("unlinked", most)
    contents = [each for each in unlinked if isinstance(each, bytes)]
    if len(contents) != len(unlinked):
        raise ProtocolError("the contents of a file are not bytes")
    for it in descriptions:
        shared = {"unlinked": len(contents), "pipe_reader": len(pipes), "pipe_writer": len(pipes)}
        if it.shared >= shared.get(it.kind, 1):
            raise ProtocolError("a description is of nothing that was saved")
    return SavedDescriptors(descriptions, pipes, contents)


def _read_description(given: object, most: int) -> SavedDescription:
    row = _row("description", given, "kind", "flags", "position", "path", "shared", "descriptors")
    numbers: list[tuple[int, bool]] = []
    kind = row.choice("kind", KINDS)
    flags, position = row.integer("flags", 0, _FLAGS), row.integer("position", 0, _COUNT)
    path, shared = row.binary("path", PATH_MAX), row.integer("shared", 0, most)
    for each in row.items("descriptors", most):
        number = _row("descriptor", each, "fd", "cloexec")
        numbers.append((number.integer("fd", 0, most - 1), number.flag("cloexec")))
    return SavedDescription(kind, flags, position, path, shared, numbers)


def _read_pipe(given: object) -> SavedPipe:
    row = _row("pipe", given, "data", "reader_open", "writer_open")
    data = row.binary("data", CAPACITY_BYTES)
    return SavedPipe(data, row.flag("reader_open"), row.flag("writer_open"))
