"""The shape of a policy file: what may stand where. What it means is checked when it is compiled.

One document that also is, unchanged, Intercept's YAML and PolicyLayer's JSON.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from hermetic.policy.quantities import policy_seconds, policy_size
from hermetic_runtime.limits import RANGES

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
CounterName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f:]+$")]
Text = Annotated[str, Field(max_length=2000)]
Window = Literal["minute", "hour", "day"]
Scope = Literal["grant", "global"]
Size = Annotated[
    int,
    BeforeValidator(policy_size),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "description": 'Bytes, or a text such as "256 MiB".',
        }
    ),
]
Seconds = Annotated[
    float,
    BeforeValidator(policy_seconds),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number"}, {"type": "string"}],
            "description": 'Seconds, or a text such as "30 s" or "7 days".',
        }
    ),
]
Glob = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._*-]+$")]
Globs = Annotated[list[Glob], Field(max_length=10_000)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class RateLimit(_Part):
    """At most `max` calls in each window of `window` seconds."""

    max: int = Field(ge=1, le=10**9)
    window: int = Field(ge=1, le=366 * 86_400)


def _rate_limit(given: object) -> object:
    if not isinstance(given, str):
        return given
    count, slash, window = given.partition("/")
    seconds = WINDOWS.get(window.strip())
    if not slash or seconds is None or not (count := count.strip()).isascii():
        raise ValueError('a rate limit is as "10/minute", "100/hour" or "1000/day"')
    if not count.isdecimal() or len(count) > 9:
        raise ValueError('the count of a rate limit is a whole number from 1, as in "10/minute"')
    return {"max": int(count), "window": seconds}


WINDOWS = {"minute": 60, "hour": 3600, "day": 86_400}
"""Seconds of the windows that have a name."""


class Condition(_Part):
    """Holds when the value at `path` is in the relation `op` to `value`."""

    path: Name
    op: Name
    value: Any = None


class State(_Part):
    """A counter that every allowed call adds to."""

    counter: CounterName
    window: Window
    increment: float = Field(default=1, ge=0, le=1e15)
    increment_from: Name | None = None
    scope: Scope = "grant"


class Validation(_Part):
    """Of the arguments, by the schema of the tool."""

    required_args: bool = False


class Rule(_Part):
    """One rule of a tool. Every rule must pass."""

    name: Name | None = None
    description: Text | None = None
    action: Literal["evaluate", "allow", "deny", "require_approval"] = "evaluate"
    conditions: list[Condition] = Field(default_factory=list[Condition], max_length=1000)
    on_deny: Text | None = None
    rate_limit: Annotated[
        RateLimit | None,
        BeforeValidator(_rate_limit),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "string", "pattern": "^[0-9]+/(minute|hour|day)$"},
                    RateLimit.model_json_schema(),
                ]
            }
        ),
    ] = None
    scope: Scope | None = None
    validation: Validation | None = Field(default=None, alias="validate")
    state: State | None = None


class Requirement(_Part):
    """A condition, or several that must hold together, with what a refusal says."""

    name: Name | None = None
    path: Name | None = None
    op: Name | None = None
    value: Any = None
    conditions: list[Condition] | None = Field(default=None, min_length=1, max_length=1000)
    on_deny: Text | None = None
    message: Text | None = None
    reason: Text | None = None


class Limit(_Part):
    """At most `max` of a counter, or of what runs used up, in each window."""

    counter: CounterName | None = None
    spend: Literal["cpu_seconds", "memory_seconds", "runs", "package_bytes"] | None = None
    window: Window
    max: float = Field(ge=0, le=1e15)
    scope: Scope = "grant"
    on_deny: Text | None = None


Limits = Annotated[list[Limit], Field(max_length=1000)]
Requirements = Annotated[list[Requirement], Field(max_length=1000)]


class RunLimits(_Part):
    """The fields of `Limits`; each only narrows what the layers around it allow."""

    memory_bytes: Size | None = None
    wall_seconds: Seconds | None = None
    cpu_seconds: Seconds | None = None
    output_bytes: Size | None = None
    disk_bytes: Size | None = None
    files: int | None = None
    open_files: int | None = None
    value_bytes: Size | None = None
    display_bytes: Size | None = None
    source_bytes: Size | None = None
    fuel: int | None = None

    def outside(self) -> tuple[str, str] | None:
        """The name of a limit that is out of its range, and what is wrong with it."""
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                return name, f"{value:,} is outside {low:,} to {high:,}"
        return None


class Packages(_Part):
    """Which packages may be installed."""

    allow: Globs | None = None
    deny: Globs | None = None
    indexes: Annotated[list[Name], Field(max_length=100)] | None = None
    native_code: bool | None = None
    exclude_newer: Seconds | None = Field(default=None, ge=0, le=1e10)


class Imports(_Part):
    """What guest code may import: advice that it can get round, not a wall."""

    allow: Globs | None = None
    deny: Globs | None = None


class Sessions(_Part):
    """How many sessions a grant may have, how big each may be, how long one is kept."""

    most: int | None = Field(default=None, ge=0, le=1_000_000)
    workspace_bytes: Size | None = Field(default=None, ge=0, le=2**50)
    keep_seconds: Seconds | None = Field(default=None, ge=1, le=1e10)


class Sandbox(_Part):
    """What an allowed call gets. Layers only narrow each other."""

    profile: Name | None = None
    limits: RunLimits | None = None
    interpreters: list[Literal["pyodide", "wasi"]] | None = Field(default=None, min_length=1)
    packages: Packages | None = None
    imports: Imports | None = None
    network: Literal["none"] | None = None
    sessions: Sessions | None = None


class Tool(_Part):
    """What is asked of each call of one tool, or of every tool under `"*"`."""

    description: Text | None = None
    rules: list[Rule] = Field(default_factory=list[Rule], max_length=10_000)
    require: Requirements = Field(default_factory=list[Requirement])
    deny_if: Requirements = Field(default_factory=list[Requirement])
    limits: Limits = Field(default_factory=list[Limit])
    sandbox: Sandbox | None = None


class AllTools(_Part):
    """Quotas that all tools share."""

    limits: Limits = Field(default_factory=list[Limit])


class GrantPart(_Part):
    """What is asked, beside all else, of the calls of one grant."""

    description: Text | None = None
    default: Literal["allow", "deny"] = "allow"
    hide: list[Name] = Field(default_factory=list[str])
    tools: dict[Name, Tool] = Field(default_factory=dict[str, Tool])
    all_tools: AllTools = AllTools()
    sandbox: Sandbox | None = None


class PolicyDocument(_Part):
    """A policy file."""

    version: Literal["1"]
    description: Text | None = None
    default: Literal["allow", "deny"] | None = None
    hide: list[Name] = Field(default_factory=list[str])
    tools: dict[Name, Tool] = Field(default_factory=dict[str, Tool])
    all_tools: AllTools = AllTools()
    sandbox: Sandbox | None = None
    profiles: dict[Name, Sandbox] = Field(default_factory=dict[str, Sandbox])
    grants: dict[Name, GrantPart] | None = None
