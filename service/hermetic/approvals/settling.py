"""A person's decision on a call that waits, written down before it counts."""

from __future__ import annotations

from hermetic.approvals.approval import Approval, ApprovalState
from hermetic.approvals.store import ApprovalStore, unknown_approval
from hermetic.audit.log import AuditLog
from hermetic.audit.records import approval_settled


def settle(
    approvals: ApprovalStore,
    audit: AuditLog,
    approval: str,
    *,
    approved: bool,
    by: str,
    why: str,
    now: float,
    grant: str | None = None,
) -> Approval:
    """Approve or deny, by whom and why. `now` is in seconds since the epoch.

    With the id of a `grant`, what another one asked for is as unknown as what nobody did.
    Raises `UnknownApproval`, `ApprovalSettled` and `StorageError`.
    """

    def record(settled: Approval) -> None:
        if grant not in (None, settled.grant_id):
            raise unknown_approval(approval)
        audit.write(approval_settled(settled, time=now))

    state = ApprovalState.APPROVED if approved else ApprovalState.DENIED
    return approvals.decide(approval, state, by=by, why=why, now=now, record=record)
