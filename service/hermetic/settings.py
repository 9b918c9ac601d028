"""What the service is told: by its command line, by the environment, by defaults."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.limits import GIB, MIB, Limits

PREFIX = "HERMETIC_"
_TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_GUEST_BYTES = Limits().memory_bytes


def default_concurrency() -> int:
    """Two runs for each core, because many of them wait; no more than fit into memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(2 * (os.cpu_count() or 1), memory // _GUEST_BYTES))


def default_data_directory() -> Path:
    """`~/.local/share/hermetic`, or where XDG_DATA_HOME says."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".local/share") / "hermetic"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Of one service. Raises `InvalidInput` for a number that is out of its range.

    Each can be set through an environment variable: `HERMETIC_` and its name in capitals.
    """

    data_directory: Path = field(default_factory=default_data_directory)
    """Where keys and kept runs are."""

    host: str = "127.0.0.1"
    """The address to listen on."""

    port: int = 8080
    """TCP port (0 to 65,535); 0 takes any free one."""

    concurrency: int = field(default_factory=default_concurrency)
    """Runs at the same time (1 to 10,000)."""

    spares: int = field(default_factory=default_concurrency)
    """Guest processes started ahead of need, at most (0 to 10,000)."""

    shared: bool = False
    """Whether keys that were made with `--shared`, and callers without keys, have their runs
    in worker processes, one after the other, instead of a process for each (0 or 1)."""

    queue_length: int = 1000
    """Runs that may wait, of all grants together (0 to 1,000,000)."""

    queue_length_per_grant: int = 200
    """Runs of one grant that may wait (0 to 1,000,000)."""

    connections: int = 1000
    """Connections that may be open at a time (1 to 100,000)."""

    head_wait_seconds: float = 15.0
    """How long the head of a request may take to come whole (0.1 to 3,600)."""

    body_bytes: int = 64 * MIB
    """The largest body of a request (1 KiB to 1 GiB)."""

    body_wait_seconds: float = 60.0
    """How long the next part of a body may take to come, and a caller may take nothing of what
    it is sent (0.1 to 3,600)."""

    kept_seconds: float = 24 * 3600.0
    """How long the result of a kept run can be asked for (1 to 31,536,000)."""

    kept_runs_per_grant: int = 10_000
    """Runs of one grant that are kept at a time (1 to 1,000,000)."""

    file_bytes_per_grant: int = GIB
    """What uploads and kept files of runs of one grant may take (0 to 1 TiB)."""

    uploads_seconds: float = 3600.0
    """How long an upload can be used (1 to 31,536,000)."""

    sessions_per_grant: int = 100
    """Sessions that one grant may have (0 to 1,000,000)."""

    mcp_sessions_per_grant: int = 200
    """Sessions of MCP's own, of clients before its revision 2026-07-28, that one grant may
    have (1 to 10,000)."""

    mcp_session_idle_seconds: float = 1800.0
    """After how long without a request a session of MCP's own ends (0.1 to 86,400)."""

    live_sessions: int = field(default_factory=default_concurrency)
    """Sessions that stay awake between runs, of all grants (1 to 10,000)."""

    session_idle_seconds: float = 600.0
    """After how long without a run a session hibernates (0.1 to 86,400)."""

    session_kept_seconds: float = 30 * 86_400.0
    """After how long without a run a session is deleted (1 to 315,360,000)."""

    shutdown_seconds: float = 30.0
    """How long running runs may take to end when the service is stopped (0 to 86,400)."""

    policy: Path | None = None
    """A policy file, by which every call is judged; without one, keys and limits are all."""

    tool_name: str = "python_execute"
    """The name under which running code is judged, and which the tool of MCP has: 1 to 64
    letters, digits, `_`, `-` and `.`."""

    def __post_init__(self) -> None:
        if not _TOOL_NAME.fullmatch(self.tool_name):
            raise InvalidInput(
                f"setting tool_name is {self.tool_name[:80]!r}, not 1 to 64 letters, digits, _, -"
                " and ."
            )
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InvalidInput(f"setting {name} is {value:,}, outside {low:,} to {high:,}")

    @classmethod
    def read(
        cls, environment: Mapping[str, str], given: Mapping[str, Any] | None = None
    ) -> ServiceSettings:
        """From `HERMETIC_…` variables; what was `given` otherwise goes before them.

        Raises `InvalidInput`.
        """
        values: dict[str, Any] = {}
        for each in fields(cls):
            text = environment.get(PREFIX + each.name.upper())
            if text:
                values[each.name] = _read(each.name, text)
        values |= {name: value for name, value in (given or {}).items() if value is not None}
        return cls(**values)


_RANGES: dict[str, tuple[float, float]] = {
    "port": (0, 65_535),
    "concurrency": (1, 10_000),
    "spares": (0, 10_000),
    "queue_length": (0, 1_000_000),
    "queue_length_per_grant": (0, 1_000_000),
    "connections": (1, 100_000),
    "head_wait_seconds": (0.1, 3600),
    "body_bytes": (1024, GIB),
    "body_wait_seconds": (0.1, 3600),
    "kept_seconds": (1, 365 * 86_400),
    "kept_runs_per_grant": (1, 1_000_000),
    "file_bytes_per_grant": (0, 1024 * GIB),
    "uploads_seconds": (1, 365 * 86_400),
    "sessions_per_grant": (0, 1_000_000),
    "mcp_sessions_per_grant": (1, 10_000),
    "mcp_session_idle_seconds": (0.1, 86_400),
    "live_sessions": (1, 10_000),
    "session_idle_seconds": (0.1, 86_400),
    "session_kept_seconds": (1, 3650 * 86_400),
    "shutdown_seconds": (0, 86_400),
}


def _read(name: str, text: str) -> object:
    if name in ("data_directory", "policy"):
        return Path(text).absolute()
    if name in ("host", "tool_name"):
        return text
    if name == "shared":
        return _read_switch(name, text)
    try:
        return float(text) if name.endswith("_seconds") else int(text)
    except ValueError:
        kind = "a number of seconds" if name.endswith("_seconds") else "a whole number"
        raise InvalidInput(f"{PREFIX}{name.upper()} must be {kind}, not {text!r}") from None


def _read_switch(name: str, text: str) -> bool:
    if text not in ("0", "1"):
        raise InvalidInput(f"{PREFIX}{name.upper()} must be 0 or 1, not {text[:80]!r}")
    return text == "1"
