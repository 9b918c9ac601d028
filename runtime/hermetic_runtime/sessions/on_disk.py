"""What a session is between its runs: a record, and the files that it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.kernel.overlay import Change
from hermetic_runtime.sessions.checkpoints import Checkpoints
from hermetic_runtime.sessions.durable_files import replacing
from hermetic_runtime.sessions.journal import make_changes, write_journal
from hermetic_runtime.sessions.live_guest import LiveGuest
from hermetic_runtime.sessions.records import CheckpointRecord, SessionRecord
from hermetic_runtime.sessions.session_folder import new_state_name, remove
from hermetic_runtime.sessions.store import SessionStore


class SessionOnDisk:
    """Whoever uses it has the session's lease.

    Each change makes new files first and then advances the record to them, so that a crash
    leaves the session as it was before the change, or as it is after it.
    """

    def __init__(self, store: SessionStore, record: SessionRecord) -> None:
        """Finishes what a crash left half done. Raises `SessionDamaged`."""
        self._store = store
        self.record = record
        self.folder = store.folder(record.id)
        self.checkpoints = Checkpoints(store, record.id)
        self.folder.recover(record, self.checkpoints.list())

    @property
    def state(self) -> Path | None:
        """What a guest wakes from; None when there is nothing yet."""
        return self.folder.file(self.record.state) if self.record.state else None

    @property
    def workspace(self) -> Path:
        """The folder that the guest has as /workspace."""
        return self.folder.file(self.record.workspace)

    def keep_run(
        self, guest: LiveGuest | None, changes: Sequence[Change], output: CapturedOutput
    ) -> None:
        """Keep what a run left: the state of its guest, unless there is none that is worth it,
        and what it changed in the workspace. What could not be changed is noted in `output`.
        """
        record = replace(self.record, generation=self.record.generation + 1)
        if guest is not None:
            record = replace(record, state=new_state_name())
            with replacing(self.folder.file(record.state)) as file:
                guest.save(file)
        journal = self.folder.journal(record.generation)
        if changes:
            write_journal(journal, changes)
        self._advance(record)
        if changes:
            for refusal in make_changes(self.workspace, changes):
                output.note(f"hermetic: not given back: /workspace/{refusal}")
            journal.unlink()

    def restore(self, checkpoint: CheckpointRecord) -> None:
        """Go back to a checkpoint, which stays."""
        self._advance(self.checkpoints.restored(self.record, checkpoint))

    def drop_state(self) -> None:
        """Forget the variables. Files and checkpoints are kept."""
        self._advance(replace(self.record, generation=self.record.generation + 1, state=""))

    def _advance(self, record: SessionRecord) -> None:
        """From here on, this is what the session is."""
        before, self.record = self.record, record
        try:
            self._store.records.advance(record)
        except BaseException:
            self.record = before
            raise
        if before.state and before.state != record.state:
            remove(self.folder.file(before.state))
        if before.workspace != record.workspace:
            remove(self.folder.file(before.workspace))
