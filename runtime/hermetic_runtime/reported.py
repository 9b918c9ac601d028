"""What a guest reports of a run, and a result says: each a small type.

Apart from results, because every process that runs guests waits for their import.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a run ended. Output so far is kept whatever the outcome."""

    OK = "ok"
    ERROR = "error"
    """The guest raised, or exited with a status other than 0."""
    TIMEOUT = "timeout"
    """Wall or CPU time ran out; `RunError.limit` says which."""
    MEMORY = "memory"
    OUTPUT = "output"
    """stdout and stderr, or the value, were larger than allowed."""
    FUEL = "fuel"
    DISK = "disk"
    """File bytes or the number of files reached their limit."""
    DENIED = "denied"
    """Policy refuses it, or a package that it needs."""
    INSTALL_ERROR = "install_error"
    CRASHED = "crashed"
    """The interpreter trapped or the guest process was lost."""
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Value:
    """The value of the last expression. `json` is set when `is_json` is true."""

    repr: str
    json: Any = None
    is_json: bool = False


@dataclass(frozen=True)
class Display:
    """One rich display: MIME type to data (text, or base64 for binary types)."""

    data: dict[str, str]


@dataclass(frozen=True)
class WorkspaceFile:
    """A file that the run made or changed in /workspace. `path` is relative to that;
    bytes in it that are not UTF-8 are written as escapes. `size` is in bytes.
    """

    path: str
    size: int


@dataclass(frozen=True)
class RunError:
    """Why a run did not end well."""

    type: str
    """The guest exception's class name, or the name of ours."""
    message: str
    traceback: str = ""
    """As Python prints it, without the frames of the sandbox itself."""
    limit: str | None = None
    """The field of `Limits` that was reached, if one was."""
    hint: str | None = None
    """What to do about it, where there is something."""


@dataclass(frozen=True)
class Usage:
    """What the run used. Times in seconds, memory in bytes."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    host_calls: int = 0
    disk_bytes: int = 0
    fuel: int | None = None
