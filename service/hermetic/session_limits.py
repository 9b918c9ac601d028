"""The limits of a run in a session: the least of all that bound it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from hermetic.errors import PolicyDenied
from hermetic.grants import Grant, narrowed
from hermetic.policy.allowances import narrow
from hermetic.policy.decisions import Allowance
from hermetic.session_orders import interpreter_of
from hermetic_runtime.limits import Limits
from hermetic_runtime.sessions.records import SessionRecord


def session_run_limits(
    grant: Grant,
    record: SessionRecord,
    given: dict[str, Any],
    allowance: Allowance | None = None,
) -> Limits:
    """Of one run: those of its session, of its grant or of policy, and those `given`.

    Raises as `narrowed` and `narrow` do, and `PolicyDenied` for a session whose
    interpreter is not allowed any more.
    """
    if allowance is None:
        within = _narrower(record.limits, grant.limits)
        return narrowed(replace(grant, limits=within), given)
    interpreter = interpreter_of(record)
    if interpreter.partition("-")[0] not in allowance.interpreters:
        raise PolicyDenied(
            f"the interpreter of this session, {interpreter}, is not allowed",
            rule=allowance.caps.get("interpreters", "interpreters"),
            hint="Make another session.",
        )
    within = _narrower(record.limits, allowance.limits)
    caps = dict.fromkeys(_smaller(within, allowance.limits), "the limits of the session")
    return narrow(replace(allowance, limits=within, caps={**allowance.caps, **caps}), given)


def _smaller(one: Limits, other: Limits) -> list[str]:
    """The names of those limits of `one` that are not those of the other."""
    names = [field.name for field in fields(Limits)]
    return [name for name in names if getattr(one, name) != getattr(other, name)]


def _narrower(one: Limits, other: Limits) -> Limits:
    """The smaller of each. A session is metered or not from its beginning."""
    smaller = {
        field.name: min(getattr(one, field.name), getattr(other, field.name))
        for field in fields(Limits)
        if None not in (getattr(one, field.name), getattr(other, field.name))
    }
    return replace(one, **smaller)
