"""Changes of a workspace, written down before they are made, and made again after a crash.

A journal is named by the generation that it leads to: it counts once the session's record
has reached that generation, and is dropped otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from hermetic_runtime.errors import SessionDamaged
from hermetic_runtime.kernel.overlay import Change, ChangeKind
from hermetic_runtime.mounts import Refusal, apply_changes, remove_unfinished
from hermetic_runtime.sessions.durable_files import replacing

_pack = cast("Callable[..., bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType]
_unpack = cast("Callable[..., Any]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType]


def write_journal(journal: Path, changes: Sequence[Change]) -> None:
    """Have on disk what is to be made."""
    rows = [(it.path, it.kind.value, it.data, it.mode) for it in changes]
    with replacing(journal) as file:
        file.write(_pack(rows))


def finish_journal(journal: Path, workspace: Path) -> None:
    """Make the changes of a process that was killed while it made them. Making one twice
    is as making it once. Raises `SessionDamaged`.
    """
    try:
        rows = _unpack(journal.read_bytes())
        changes = [Change(path, ChangeKind(kind), data, mode) for path, kind, data, mode in rows]
    except FileNotFoundError:
        return
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise SessionDamaged(f"the journal of the workspace can't be read: {error}") from error
    descriptor = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY)
    try:
        remove_unfinished(descriptor, changes)
    finally:
        os.close(descriptor)
    make_changes(workspace, changes)
    journal.unlink()


def make_changes(workspace: Path, changes: Sequence[Change]) -> Sequence[Refusal]:
    """Change files in `workspace`; what could not be."""
    descriptor = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY)
    try:
        refused = apply_changes(descriptor, changes).refused
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return refused
