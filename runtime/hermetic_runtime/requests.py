"""What is asked of a guest, and what it reports: the types shared by both isolation modes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from hermetic_runtime.import_rules import ImportRules
from hermetic_runtime.limits import Limits
from hermetic_runtime.reported import Display, Outcome, RunError, Usage, Value, WorkspaceFile


class GuestMount(NamedTuple):
    """A host directory as the guest sees it. `directory_fd` is open in the guest's process."""

    directory_fd: int
    guest_path: str
    writable: bool


class GuestSettings(NamedTuple):
    """What a sandbox is started with, for all of its runs."""

    limits: Limits = Limits()
    environment: Mapping[str, str] = MappingProxyType({})
    mounts: tuple[GuestMount, ...] = ()
    keep_files: bool = False
    """Whether what is made in /workspace is given back, as changes of a mount are."""
    state_fd: int | None = None
    """A file that a guest hibernated to, open in the guest's process: go on from there."""
    state_limits: Limits | None = None
    """What bounds the state of a guest that hibernates and wakes, where that is more than
    `limits`, which are what is left to it."""
    maps_state: bool = False
    """Whether parts of the state's file may be mapped, in a process of its own: if the file is
    damaged while they are, that process is lost."""


class RunRequest(NamedTuple):
    """One piece of source to execute.

    `source` is bytes so that Python itself decodes it, coding cookie included.
    `final` says that the interpreter ends after this run: exit functions are called.
    Without `capture_value` the last expression's value is dropped, however large it is.
    `inputs_json` is a JSON object whose entries become globals before the source is
    executed, and `files` are (path below /workspace, contents) to be there by then.
    `imports` None lets everything be imported. Output that is not `followed` may come
    with the report.
    """

    source: bytes
    filename: str = "<code>"
    arguments: tuple[str, ...] = ()
    limits: Limits = Limits()
    final: bool = False
    capture_value: bool = True
    inputs_json: bytes = b"{}"
    files: tuple[tuple[str, bytes], ...] = ()
    imports: ImportRules | None = None
    followed: bool = True

    @property
    def size_bytes(self) -> int:
        """Of all that comes with it, about."""
        texts = sum(map(len, self.arguments)) + sum(len(data) for _, data in self.files)
        return len(self.source) + len(self.inputs_json) + texts


class RunReport(NamedTuple):
    """What the guest side says of a run. Output and file changes travel beside it.

    `alive` is false when the instance must not be used again (a trap, an exit from C,
    a deadline that cut it off).
    """

    outcome: Outcome
    exit_code: int = 0
    value: Value | None = None
    displays: tuple[Display, ...] = ()
    displays_omitted: int = 0
    files: tuple[WorkspaceFile, ...] = ()
    files_omitted: int = 0
    error: RunError | None = None
    usage: Usage = Usage()
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    alive: bool = True
