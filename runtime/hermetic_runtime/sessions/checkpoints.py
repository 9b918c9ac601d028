"""The checkpoints of a session: what it was, under names."""

from __future__ import annotations

import time
from dataclasses import replace

from hermetic_runtime.errors import SessionNotFound
from hermetic_runtime.sessions.records import CheckpointRecord, SessionRecord
from hermetic_runtime.sessions.session_folder import new_state_name, new_workspace_name
from hermetic_runtime.sessions.store import SessionStore, checked_name


class Checkpoints:
    """Of one session, whose lease the caller has."""

    def __init__(self, store: SessionStore, id: str) -> None:  # noqa: A002
        self._records = store.records
        self._folder = store.folder(id)
        self._id = id

    def list(self) -> list[CheckpointRecord]:
        """The oldest first."""
        return self._records.checkpoints(self._id)

    def keep(self, record: SessionRecord, name: str) -> None:
        """Keep what the session is now under `name`, instead of what that named before.

        Raises `InvalidInput` for what can't be a name.
        """
        checkpoint = CheckpointRecord(
            session=record.id,
            name=checked_name(name),
            state=new_state_name() if record.state else "",
            workspace=new_workspace_name(),
            created=time.time(),
        )
        replaced = [it for it in self.list() if it.name == name]
        self._folder.copy(record, checkpoint)
        self._records.add_checkpoint(checkpoint)
        for each in replaced:
            self._folder.remove(each)

    def drop(self, name: str) -> None:
        """Raises `SessionNotFound`."""
        found = self.find(name)
        self._records.remove_checkpoint(self._id, name)
        self._folder.remove(found)

    def restored(self, record: SessionRecord, found: CheckpointRecord) -> SessionRecord:
        """What the session is once it has gone back to a checkpoint: its files are there
        already, and only the record has to be kept.
        """
        restored = replace(
            record,
            generation=record.generation + 1,
            state=new_state_name() if found.state else "",
            workspace=new_workspace_name(),
        )
        self._folder.copy(found, restored)
        return restored

    def find(self, name: str) -> CheckpointRecord:
        """Raises `SessionNotFound`."""
        found = next((it for it in self.list() if it.name == name), None)
        if found is None:
            raise SessionNotFound(
                f"the session has no checkpoint {name!r}",
                hint="`checkpoints()` lists those that it has.",
            )
        return found
