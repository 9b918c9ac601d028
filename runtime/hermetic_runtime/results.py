"""What a run did: one typed result, the same at every door."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hermetic_runtime.reported import Display, Outcome, RunError, Usage, Value, WorkspaceFile


@dataclass(frozen=True)
class StreamText:
    """What a stream received: UTF-8, undecodable bytes as U+FFFD."""

    text: str = ""
    truncated: bool = False

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Timings:
    """Where the time went, in seconds. `prepare` is 0 when nothing had to be made;
    `start` is from the request for a sandbox to a booted interpreter.
    """

    prepare: float = 0.0
    start: float = 0.0
    run: float = 0.0

    def with_run(self, seconds: float) -> Timings:
        """Those of a start, with the run that came after it."""
        return Timings(self.prepare, self.start, seconds)


@dataclass(frozen=True)
class RunResult:
    """One run, whole."""

    outcome: Outcome
    stdout: StreamText = StreamText()
    stderr: StreamText = StreamText()
    value: Value | None = None
    displays: list[Display] = field(default_factory=list[Display])
    displays_omitted: int = 0
    """Displays that are missing because they were more than `Limits.display_bytes`, more
    than 100, or could not be drawn."""
    files: list[WorkspaceFile] = field(default_factory=list[WorkspaceFile])
    files_omitted: int = 0
    """Files beside those of `files`, which is a list of bounded length."""
    written: list[str] = field(default_factory=list[str])
    """What was written to the folder given as `out`: paths relative to it."""
    error: RunError | None = None
    exit_code: int = 0
    """What a process would have returned: the guest's own for `ok` and `error`,
    124 for `timeout`, 137 for `memory`, 1 for the others."""
    usage: Usage = Usage()
    timings: Timings = Timings()
    interpreter: str = ""
    """Name and version, for instance `pyodide-314.0.7 (CPython 3.14.2)`."""
    package_set: str | None = None
    """The name of the package set, which is made of its lock's hash; None without packages."""
    notes: list[str] = field(default_factory=list[str])
    """What the caller may want to know of how the sandbox was made ready."""
    session_restored: bool = False
    """Whether the run left its session's variables as they were before it."""

    @property
    def ok(self) -> bool:
        """Whether the outcome is `ok`."""
        return self.outcome is Outcome.OK

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types, the outcome by its value. Only `json` of the value is shared."""
        return vars(self) | {
            "outcome": self.outcome.value,
            "stdout": vars(self.stdout).copy(),
            "stderr": vars(self.stderr).copy(),
            "value": self.value and vars(self.value).copy(),
            "displays": [{"data": display.data.copy()} for display in self.displays],
            "files": [vars(file).copy() for file in self.files],
            "written": self.written.copy(),
            "error": self.error and vars(self.error).copy(),
            "usage": vars(self.usage).copy(),
            "timings": vars(self.timings).copy(),
            "notes": self.notes.copy(),
        }
