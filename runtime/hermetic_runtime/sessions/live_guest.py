"""A session's guest while it is awake."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.compilation import Metering
from hermetic_runtime.driver import DrivenRun, Isolation, SavingDriver
from hermetic_runtime.errors import InvalidInput, SessionBaseMissing, SessionDamaged
from hermetic_runtime.input_source import InputSource
from hermetic_runtime.kernel.overlay import Change
from hermetic_runtime.limits import Limits
from hermetic_runtime.prepared import read_manifest
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.launchers import launcher
from hermetic_runtime.requests import GuestMount, RunRequest
from hermetic_runtime.results import Timings
from hermetic_runtime.sessions.records import SessionRecord
from hermetic_runtime.sessions.state_file import most_bytes
from hermetic_runtime.sessions.workspace import Workspace

_WORKSPACE = "/workspace"


class WorkspaceRun(NamedTuple):
    """A run, and what it changed in the workspace."""

    driven: DrivenRun
    changes: Sequence[Change]


class LiveGuest:
    """In a process of its own or in this one, with the session's workspace as its working
    folder.
    """

    def __init__(
        self, record: SessionRecord, workspace: Path, state: Path | None, isolation: Isolation
    ) -> None:
        """Wake from `state`, or start anew without one.

        Raises `SessionBaseMissing`, `SessionDamaged` and `SandboxCrashed`.
        """
        began = time.perf_counter()
        for path in (record.environment.interpreter, record.environment.snapshots):
            if path is not None and not path.is_dir():
                raise SessionBaseMissing(
                    "the interpreter or the snapshot that this session builds on is gone",
                    hint="Its files are kept. Restart the session to go on without its variables.",
                )
        self._limits = record.limits
        self._directory = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        state_fd = None
        try:
            if state is not None:
                state_fd = _open_state(state)
            self._driver = _make_driver(
                record,
                _left(record.limits, workspace),
                GuestMount(self._directory, _WORKSPACE, writable=True),
                state_fd,
                isolation,
            )
            self._driver.start()
        except BaseException:
            os.close(self._directory)
            raise
        finally:
            if state_fd is not None:
                os.close(state_fd)
        self.timings = Timings(start=time.perf_counter() - began)
        """Of what its first run had to wait for."""

    @property
    def interpreter(self) -> str:
        return self._driver.interpreter

    def run(self, request: RunRequest, output: CapturedOutput, source: InputSource) -> WorkspaceRun:
        driven = self._driver.run(request, output, source)
        return WorkspaceRun(driven, [change for index, change in driven.changes if index == 0])

    def save(self, file: BinaryIO) -> None:
        """Raises `SandboxCrashed`."""
        self._driver.save(file, most_bytes(self._limits))

    def cancel(self) -> None:
        self._driver.cancel()

    def close(self) -> None:
        """Once."""
        self._driver.close()
        os.close(self._directory)


def _make_driver(
    record: SessionRecord,
    limits: Limits,
    workspace: GuestMount,
    state_fd: int | None,
    isolation: Isolation,
) -> SavingDriver:
    environment, variables, mounts = record.environment, record.variables, [workspace]
    if isolation == "shared":
        from hermetic_runtime.shared import SharedGuest

        return SharedGuest(
            environment,
            limits,
            variables,
            mounts,
            state_fd=state_fd,
            state_limits=record.limits,
        )
    return GuestProcess(
        launcher(environment, keeps_state=True),
        limits,
        variables,
        mounts,
        state_fd=state_fd,
        state_limits=record.limits,
    )


def check_can_share(record: SessionRecord) -> None:
    """Raises `InvalidInput` when the code of a session's guest can't be stopped from within
    its process.
    """
    try:
        metering = read_manifest(record.environment.interpreter)["metering"]
    except (OSError, ValueError, KeyError):
        return  # waking says what is missing
    if metering == Metering.NONE.value:
        raise InvalidInput(
            f"the session {record.name!r} was made to run in a process of its own",
            hint='Open it without isolation="shared", or make one with it.',
        )


def _open_state(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise SessionDamaged(f"the state of the session can't be read: {error.strerror}") from error


def _left(limits: Limits, workspace: Path) -> Limits:
    """What the guest may still write beside the files that are there."""
    usage = Workspace(workspace, limits).usage()
    return replace(
        limits,
        disk_bytes=max(0, limits.disk_bytes - usage.bytes),
        files=max(0, limits.files - usage.files),
    )
