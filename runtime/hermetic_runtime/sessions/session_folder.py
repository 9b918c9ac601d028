"""The folder of one session: states, journals, workspaces, and how they are swept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from hermetic_runtime.sessions.durable_files import synchronise
from hermetic_runtime.sessions.journal import finish_journal
from hermetic_runtime.sessions.records import CheckpointRecord, SessionRecord


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
        return self.path / name

    def journal(self, generation: int) -> Path:
        return self.path / f"{generation}.journal"

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


def remove(path: Path) -> None:
    """A file or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
