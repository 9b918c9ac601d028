"""What policy is asked and what it answers: the types between doors, gate, counters and audit."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hermetic.grants import Grant
from hermetic_runtime.import_rules import ImportRules
from hermetic_runtime.limits import Limits
from hermetic_runtime.packages.rules import PackageRules

__all__ = [
    "GLOBAL_TOOL",
    "Allowance",
    "Call",
    "Considered",
    "CounterKey",
    "Decision",
    "ImportRules",
    "PackageRules",
    "Reservation",
    "SessionRules",
    "Verdict",
]

GLOBAL_TOOL = "_global"
"""The name under which the counters of all tools together are kept."""


class Verdict(enum.StrEnum):
    """What becomes of a call."""

    ALLOW = "allow"
    DENY = "deny"
    APPROVAL = "require_approval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a tool, before anything of it is resolved or run.

    `arguments` are JSON, as the caller sent them; `required` are the names that the
    tool's own schema requires.
    """

    tool: str
    arguments: Mapping[str, Any]
    grant: Grant
    required: frozenset[str] = frozenset()


class CounterKey(NamedTuple):
    """One counter in one window.

    `owner` is a grant's id, or "" for a counter that all grants share. `window` is in
    seconds, and `start` is when it began, in seconds since the epoch: a multiple of
    `window`, so windows are aligned to the calendar in UTC.
    """

    owner: str
    tool: str
    name: str
    window: int
    start: int


class Reservation(NamedTuple):
    """An `amount` that is added to a counter unless that takes it over `most`.

    `rule` asked for it. `most` None counts without a bound.
    """

    key: CounterKey
    amount: float
    most: float | None
    rule: str


class Considered(NamedTuple):
    """One rule that was looked at: whether the call passed it, and why."""

    rule: str
    passed: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """How many sessions a grant may have, how big each may be, how long one is kept."""

    most: int = 100
    workspace_bytes: int | None = None
    keep_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What an allowed call gets. `caps` names, for each limit, the rule that set it."""

    limits: Limits = Limits()
    interpreters: tuple[str, ...] = ("pyodide", "wasi")
    packages: PackageRules = field(default_factory=PackageRules)
    imports: ImportRules = field(default_factory=ImportRules)
    sessions: SessionRules = SessionRules()
    caps: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What policy says of one call.

    `rule` decided it; `reason` reads well to a person and to a model. `retry_after_seconds`
    is when the same call may pass, where time alone decides that. `reservations` are to
    be made before the call, `spends` are the counters that its usage is added to after it
    (by the names of `hermetic.policy.spending`). `policy` is the digest of the policy.
    """

    verdict: Verdict
    rule: str
    reason: str
    considered: tuple[Considered, ...] = ()
    allowance: Allowance = Allowance()
    reservations: tuple[Reservation, ...] = ()
    spends: tuple[tuple[str, CounterKey], ...] = ()
    retry_after_seconds: float | None = None
    policy: str = ""
