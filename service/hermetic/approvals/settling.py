"""A person's decision on a call that waits, written down before it counts."""

from __future__ import annotations

from hermetic.approvals.store import Approval, ApprovalState, ApprovalStore
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
) -> Approval:
    """Approve or deny, by whom and why. `now` is in seconds since the epoch.

    Raises `UnknownApproval`, `ApprovalSettled` and `StorageError`.
    """

    def record(settled: Approval) -> None:
        audit.write(approval_settled(settled, time=now))

    state = ApprovalState.APPROVED if approved else ApprovalState.DENIED
    return approvals.decide(approval, state, by=by, why=why, now=now, record=record)
