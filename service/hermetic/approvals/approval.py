"""One approval: what was asked of a person, and what became of it."""

from __future__ import annotations

import enum
from typing import NamedTuple


class ApprovalState(enum.StrEnum):
    """`PENDING` waits for a person; `USED`, `DENIED` and `EXPIRED` are the ends."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    USED = "used"
    EXPIRED = "expired"


class Approval(NamedTuple):
    """What was asked, and what became of it. Times in seconds since the epoch.

    `arguments` are JSON, and None when they were erased.
    """

    id: str
    fingerprint: str
    grant_id: str
    grant_name: str
    tool: str
    rule: str
    reason: str
    argument_hash: str
    arguments: str | None
    state: ApprovalState
    asked: float
    expires: float
    decided: float | None
    decided_by: str | None
    why: str | None


class Asked(NamedTuple):
    """`is_new` says whether a person has yet to be told of it."""

    approval: Approval
    is_new: bool
