"""A session's guest while it is awake."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import DrivenRun
from hermetic_runtime.errors import SessionBaseMissing, SessionDamaged
from hermetic_runtime.input_source import InputSource
from hermetic_runtime.kernel.overlay import Change
from hermetic_runtime.limits import Limits
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
    """In a process of its own, with the session's workspace as its working folder."""

    def __init__(self, record: SessionRecord, workspace: Path, state: Path | None) -> None:
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
        descriptors: list[int] = []
        try:
            directory = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            descriptors.append(directory)
            state_fd = None
            if state is not None:
                state_fd = _open_state(state)
                descriptors.append(state_fd)
            self._process = GuestProcess(
                launcher(record.environment),
                _left(record.limits, workspace),
                record.variables,
                [GuestMount(directory, _WORKSPACE, writable=True)],
                state_fd=state_fd,
            )
            self._process.start()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self.timings = Timings(start=time.perf_counter() - began)
        """Of what its first run had to wait for."""

    @property
    def interpreter(self) -> str:
        return self._process.interpreter

    def run(self, request: RunRequest, output: CapturedOutput, source: InputSource) -> WorkspaceRun:
        driven = self._process.run(request, output, source)
        return WorkspaceRun(driven, [change for index, change in driven.changes if index == 0])

    def save(self, file: BinaryIO) -> None:
        """Raises `SandboxCrashed`."""
        self._process.save(file, most_bytes(self._limits))

    def cancel(self) -> None:
        self._process.cancel()

    def close(self) -> None:
        self._process.close()


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
