"""What a session is to be made of, and what is shown of one: the types between doors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hermetic.grants import Grant, narrowed
from hermetic.policy.allowances import narrow, package_settings, with_session_rules
from hermetic.policy.decisions import Allowance
from hermetic_runtime.limits import Limits
from hermetic_runtime.packages.settings import PackageSettings
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
    packages: PackageSettings | None = None
    most: int | None = None
    """How many sessions policy leaves the grant, this one included."""

    def within(
        self, grant: Grant, given: Mapping[str, Any], allowance: Allowance | None
    ) -> SessionOrder:
        """With the limits that are `given`, bound by the grant, or by policy if there is one.

        Raises `InvalidInput`, `NotAllowed` and `PolicyDenied`.
        """
        if allowance is None:
            return replace(self, limits=narrowed(grant, given))
        bound = with_session_rules(allowance)
        return replace(
            self,
            limits=narrow(bound, given),
            packages=package_settings(bound),
            most=bound.sessions.most,
        )


def interpreter_of(record: SessionRecord) -> str:
    """The interpreter that a session is made of: its name, `-`, and its version."""
    name, version, *_ = record.environment.interpreter.parent.name.split("-")
    return f"{name}-{version}"


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as its owner sees it. `state` is `busy`, `live` or `hibernating`;
    `checkpoints` are (name, seconds since the epoch).
    """

    record: SessionRecord
    state: str
    checkpoints: tuple[tuple[str, float], ...] = ()
    usage: WorkspaceUsage | None = None
