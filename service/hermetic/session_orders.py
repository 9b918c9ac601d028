"""What a session is to be made of, and what is shown of one: the types between doors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hermetic_runtime.limits import Limits
from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.sessions.records import SessionRecord
from hermetic_runtime.sessions.workspace import WorkspaceUsage


@dataclass(frozen=True, slots=True)
class SessionOrder:
    """The parameters of `Session.create`."""

    name: str | None = None
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    limits: Limits = Limits()
    requirements: tuple[str, ...] = ()
    interpreter: InterpreterName = "auto"


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as its owner sees it. `state` is `busy`, `live` or `hibernating`;
    `checkpoints` are (name, seconds since the epoch).
    """

    record: SessionRecord
    state: str
    checkpoints: tuple[tuple[str, float], ...] = ()
    usage: WorkspaceUsage | None = None
