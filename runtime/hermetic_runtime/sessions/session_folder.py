"""The folder of one session: states, journals, workspaces, and how they are swept."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from hermetic_runtime.sessions.durable_files import copy_folder, share_file, synchronise
from hermetic_runtime.sessions.journal import finish_journal
from hermetic_runtime.sessions.records import CheckpointRecord, SessionRecord


class KeptFiles(Protocol):
    """A state, or none where its name is empty, and the workspace that goes with it."""

    @property
    def state(self) -> str: ...

    @property
    def workspace(self) -> str: ...


class SessionFolder:
    """Whoever uses it has the session's lease."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        """With an empty workspace."""
        (self.path / "workspace").mkdir(mode=0o700, parents=True)
        self.path.chmod(0o700)
        synchronise(self.path)
        synchronise(self.path.parent)

    def file(self, name: str) -> Path:
        """The path of a state or workspace of this name."""
        return self.path / name

    def journal(self, generation: int) -> Path:
        """The path of the journal that leads to this generation."""
        return self.path / f"{generation}.journal"

    def copy(self, source: KeptFiles, target: KeptFiles, into: SessionFolder | None = None) -> None:
        """Give what `source` names the names of `target` too, here or in another folder."""
        folder = into or self
        copy_folder(self.file(source.workspace), folder.file(target.workspace))
        if source.state:
            share_file(self.file(source.state), folder.file(target.state))

    def remove(self, kept: KeptFiles) -> None:
        """Remove a state and a workspace; what is not there is no error."""
        remove(self.file(kept.workspace))
        if kept.state:
            remove(self.file(kept.state))

    def recover(self, record: SessionRecord, checkpoints: Iterable[CheckpointRecord]) -> None:
        """Finish what was decided and drop what was not, after a crash or without one.

        Raises `SessionDamaged`.
        """
        finish_journal(self.journal(record.generation), self.file(record.workspace))
        kept = {record.state, record.workspace}
        for checkpoint in checkpoints:
            kept |= {checkpoint.state, checkpoint.workspace}
        for entry in list(os.scandir(self.path)):
            if entry.name not in kept:
                remove(Path(entry.path))


def new_state_name() -> str:
    """A name for the file of a state, which no other has."""
    return f"{secrets.token_hex(8)}.state"


def new_workspace_name() -> str:
    """A name for the folder of a workspace, which no other has."""
    return f"{secrets.token_hex(8)}.workspace"


def remove(path: Path) -> None:
    """A file or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
