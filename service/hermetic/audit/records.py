"""What a record of the audit log says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hermetic.approvals.approval import Approval
from hermetic.policy.decisions import Call, Decision
from hermetic.policy.fingerprints import argument_hash
from hermetic_runtime.results import RunResult

DECIDED = "decided"
CARRIED_OUT = "carried_out"
ABANDONED = "abandoned"
SETTLED = "approval_settled"

_NAME_CHARACTERS = 200
"""A tool that there is not may be called by any name."""

Record = Mapping[str, Any]


def decided(
    call: Call,
    decision: Decision,
    *,
    call_id: str,
    time: float,
    approval: str | None = None,
    with_values: bool = False,
) -> Record:
    """`time` is in seconds since the epoch. `with_values` adds the arguments, and the reasons,
    which may quote them.
    """
    record: dict[str, Any] = {
        "event": DECIDED,
        "time": time,
        "call": call_id,
        "grant": call.grant.id,
        "tool": call.tool[:_NAME_CHARACTERS],
        "arguments": argument_hash(call.arguments),
        "verdict": str(decision.verdict),
        "rule": decision.rule,
        "considered": [[each.rule, each.passed] for each in decision.considered],
        "limits": asdict(decision.allowance.limits),
        "caps": dict(decision.allowance.caps),
        "policy": decision.policy,
    }
    if approval is not None:
        record["approval"] = approval
    if with_values:
        record["argument_values"] = dict(call.arguments)
        record["reason"] = decision.reason
        record["reasons"] = [each.why for each in decision.considered]
    return record


def carried_out(
    call: Call,
    result: RunResult,
    *,
    call_id: str,
    time: float,
    spent: Mapping[str, float],
) -> Record:
    """A call that ran. `time` is in seconds since the epoch, and `spent` is by what is counted."""
    return _ending(CARRIED_OUT, call, call_id, time) | {
        "outcome": str(result.outcome),
        "lock": result.package_set,
        "usage": asdict(result.usage),
        "spent": dict(spent),
    }


def abandoned(call: Call, why: str, *, call_id: str, time: float) -> Record:
    """A call that was let pass and came to nothing."""
    return _ending(ABANDONED, call, call_id, time) | {"why": why}


def approval_settled(approval: Approval, *, time: float) -> Record:
    """What a person decided, or that nobody did in time."""
    return {
        "event": SETTLED,
        "time": time,
        "approval": approval.id,
        "state": str(approval.state),
        "grant": approval.grant_id,
        "tool": approval.tool,
        "arguments": approval.argument_hash,
        "rule": approval.rule,
        "by": approval.decided_by,
        "why": approval.why,
    }


def _ending(event: str, call: Call, call_id: str, time: float) -> dict[str, Any]:
    return {
        "event": event,
        "time": time,
        "call": call_id,
        "grant": call.grant.id,
        "tool": call.tool[:_NAME_CHARACTERS],
    }
