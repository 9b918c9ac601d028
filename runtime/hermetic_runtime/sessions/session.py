"""A session: a sandbox with a name, which lives across runs, processes and restarts."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import Isolation, OnOutput, metering_for
from hermetic_runtime.errors import SandboxClosed
from hermetic_runtime.import_rules import ImportRules
from hermetic_runtime.input_source import open_input
from hermetic_runtime.kernel.overlay import Change
from hermetic_runtime.limits import Limits
from hermetic_runtime.providing import InterpreterName, OnProgress, WantedEnvironment, provide
from hermetic_runtime.reported import Outcome
from hermetic_runtime.request_checks import (
    check_isolation,
    checked_environment,
    checked_limits,
    checked_request,
    narrowed_limits,
)
from hermetic_runtime.requests import RunReport
from hermetic_runtime.results import RunResult, Timings
from hermetic_runtime.run_results import run_result
from hermetic_runtime.sessions.lease import Lease
from hermetic_runtime.sessions.live_guest import LiveGuest, check_can_share
from hermetic_runtime.sessions.on_disk import SessionOnDisk
from hermetic_runtime.sessions.records import CheckpointRecord, SessionRecord
from hermetic_runtime.sessions.session_files import SessionFiles
from hermetic_runtime.sessions.sleeping_guest import SleepingGuest
from hermetic_runtime.sessions.store import SessionStore
from hermetic_runtime.sessions.workspace import Workspace

if TYPE_CHECKING:
    from hermetic_runtime.packages.settings import PackageSettings

IDLE_SECONDS = 600.0
LEASE_WAIT_SECONDS = 5.0
_KEPT = (Outcome.OK, Outcome.ERROR, Outcome.OUTPUT, Outcome.DISK, Outcome.DENIED)
"""Outcomes after which the guest goes on as it is, if it is alive."""


class Session:
    """Variables, imports and functions persist from run to run, and files in /workspace.

    When `run` returns, what it left is on disk. A run that ends in a trap, at a deadline,
    out of memory or with the guest's exit, or after which its interpreter can execute
    nothing more, leaves the variables as they were before it, and its result says so
    (`session_restored`); files that earlier runs made are kept.

    A context manager: leaving it hibernates the session, which then costs no memory, and
    lets go of it. Only one `Session` at a time has a session open. One thread at a time
    uses it, others wait; `cancel` may be called from any thread. After `close`, everything
    that needs the session raises `SandboxClosed`.
    """

    def __init__(
        self, store: SessionStore, record: SessionRecord, lease: Lease, isolation: Isolation
    ) -> None:
        """`Session.create` and `Session.open` are meant for callers."""
        self._store = store
        self._disk = SessionOnDisk(store, record)
        self._lease: Lease | None = lease
        self._lock = threading.RLock()
        self._guest = SleepingGuest(self._disk, isolation, self._lock)
        self._owner = os.getpid()
        self.idle_seconds = IDLE_SECONDS
        self.files = SessionFiles(self)

    @classmethod
    def create(
        cls,
        name: str | None = None,
        *,
        owner: str = "",
        env: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        requirements: Sequence[str] = (),
        interpreter: InterpreterName = "auto",
        packages: PackageSettings | None = None,
        isolation: Isolation = "process",
        on_progress: OnProgress | None = None,
        directory: Path | None = None,
    ) -> Session:
        """A new session; its id is its name if it gets none.

        With `isolation="shared"` its guest lives in this process, and it can be opened
        either way later on. `directory` is where sessions are kept, instead of
        `state_directory()`. Raises `NameTaken`, `InvalidName`, and what making a `Sandbox`
        ready raises.
        """
        variables, checked = checked_environment(env), checked_limits(limits)
        check_isolation(isolation)
        wanted = WantedEnvironment(interpreter, tuple(requirements), settings=packages)
        metering = metering_for(isolation, checked)
        provided = provide(wanted, b"", metering, on_progress or (lambda _: None))
        store = SessionStore(directory)
        store.sweep()
        record, lease = store.create(name, owner, provided.environment, checked, variables)
        return cls(store, record, lease, isolation)

    @classmethod
    def open(
        cls,
        id_or_name: str,
        *,
        owner: str = "",
        wait_seconds: float = LEASE_WAIT_SECONDS,
        isolation: Isolation = "process",
        directory: Path | None = None,
    ) -> Session:
        """Raises `SessionNotFound`; `SessionBusy` when it is open elsewhere for longer than
        `wait_seconds`; `SessionDamaged`; `InvalidInput` for `isolation="shared"` of a session
        that was not made with it.
        """
        check_isolation(isolation)
        store = SessionStore(directory)
        id_ = store.records.find(id_or_name, owner).id
        lease = store.lease(id_, wait_seconds)
        try:
            # Again, because whoever had the lease may have changed it.
            record = store.records.find(id_, owner)
            if isolation == "shared":
                check_can_share(record)
            return cls(store, record, lease, isolation)
        except BaseException:
            lease.release()
            raise

    @property
    def id(self) -> str:
        """By which it is opened, whatever its name: 16 hexadecimal digits."""
        return self.record.id

    @property
    def name(self) -> str:
        """By which its owner opens it; its id if it was given none."""
        return self.record.name

    @property
    def record(self) -> SessionRecord:
        """What is written down of it: times are in seconds since the epoch."""
        return self._disk.record

    @property
    def closed(self) -> bool:
        """Whether it was closed, after which nothing can be done with it."""
        return self._lease is None

    @property
    def is_live(self) -> bool:
        """Whether it has a guest, and so takes memory."""
        return self._guest.is_awake

    @property
    def workspace(self) -> Workspace:
        """The folder itself. A live guest may not see what changes in it: see `files`."""
        self._check_open()
        return Workspace(self._disk.workspace, self.record.limits)

    def run(
        self,
        code: str | bytes,
        *,
        filename: str = "<code>",
        args: Sequence[str] = (),
        stdin: bytes | str | BinaryIO | None = None,
        limits: Limits | None = None,
        capture_value: bool = True,
        inputs: Mapping[str, Any] | None = None,
        imports: ImportRules | None = None,
        on_output: OnOutput | None = None,
    ) -> RunResult:
        """Execute `code`, as `Sandbox.run` does, waking the session if it hibernates.

        Raises as that does, and `SessionBaseMissing` and `SessionDamaged` when the session
        can't wake.
        """
        request = checked_request(
            code,
            filename=filename,
            args=args,
            limits=narrowed_limits(limits, self.record.limits),
            final=False,
            capture_value=capture_value,
            inputs=inputs,
            imports=imports,
        )
        source = open_input(stdin)
        with self._lock:
            self._check_open()
            output = CapturedOutput(request.limits.output_bytes, on_output)
            try:
                guest, driven, changes, began = self._guest.run(request, output, source)
                restored = self._keep(guest, driven.report, changes, output)
            except BaseException:
                self._guest.sleep()
                raise
            timings, guest.timings = guest.timings, Timings()
            result = run_result(
                driven.report,
                written=[],
                output=output,
                timings=replace(timings, run=time.perf_counter() - began),
                interpreter=guest.interpreter,
                packages=self.record.environment.packages,
            )
            self._guest.sleep_later(self.idle_seconds)
            return replace(result, session_restored=restored)

    def wake(self) -> None:
        """Start the guest now; otherwise the next run does. `cancel` reaches it from then on.

        Raises as `run` does when the session can't wake.
        """
        with self._lock:
            self._check_open()
            self._guest.wake()

    def _keep(
        self,
        guest: LiveGuest,
        report: RunReport,
        changes: Sequence[Change],
        output: CapturedOutput,
    ) -> bool:
        """Put on disk what a run left; whether its variables were dropped."""
        restored = not report.alive or report.outcome not in _KEPT
        if restored:
            self._guest.sleep()
        self._disk.keep_run(None if restored else guest, changes, output)
        return restored

    def fork(self, name: str | None = None) -> SessionRecord:
        """A copy, workspace and all; from then on they differ freely. `Session.open` opens it.

        Raises `NameTaken` and `InvalidName`.
        """
        with self._lock:
            self._check_open()
            return self._store.fork(self.record, name)

    def checkpoint(self, name: str) -> None:
        """Keep what the session is now under `name`, instead of what that named before."""
        with self._lock:
            self._check_open()
            self._disk.checkpoints.keep(self.record, name)

    def drop_checkpoint(self, name: str) -> None:
        """Forget a checkpoint. Raises `SessionNotFound`."""
        with self._lock:
            self._check_open()
            self._disk.checkpoints.drop(name)

    def checkpoints(self) -> list[CheckpointRecord]:
        """The oldest first."""
        return self._disk.checkpoints.list()

    def restore(self, checkpoint: str) -> None:
        """Go back to a checkpoint, which stays. Raises `SessionNotFound`."""
        with self._lock:
            self._check_open()
            found = self._disk.checkpoints.find(checkpoint)
            self._guest.sleep()
            self._disk.restore(found)

    def restart(self) -> None:
        """Go on without the variables, for instance when what they build on is gone. Files
        and checkpoints are kept.
        """
        with self._lock:
            self._check_open()
            self._guest.sleep()
            self._disk.drop_state()

    def hibernate(self) -> None:
        """End the guest. The next run wakes it."""
        with self._lock:
            self._check_open()
            self._guest.sleep()

    def cancel(self) -> None:
        """End the run under way. The session is then as it was before that run."""
        self._guest.cancel()

    def close(self) -> None:
        """Hibernate, and let others open the session. May be called again."""
        with self._lock:
            lease, self._lease = self._lease, None
            if lease is not None and self._owner == os.getpid():
                self._guest.sleep()
                lease.release()

    def delete(self) -> None:
        """Remove the session with its files and checkpoints."""
        with self._lock:
            self._check_open()
            self._guest.sleep()
            self._store.delete(self.id)
            self.close()

    def _check_open(self) -> None:
        if self._lease is None:
            raise SandboxClosed("the session was closed", hint="Session.open opens it again.")
        if self._owner != os.getpid():
            raise SandboxClosed(
                "the session belongs to the process that this one was forked from",
                hint="Close it there, and open it in this process.",
            )

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
