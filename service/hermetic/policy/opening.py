"""A gate with everything that belongs to it, as settings say."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from hermetic.approvals.store import ApprovalStore
from hermetic.audit.log import AuditLog
from hermetic.policy.counting_in_sqlite import SqliteCounters
from hermetic.policy.gate import Gate
from hermetic.policy.gate_settings import GateSettings
from hermetic.policy.judge import Judge


def audit_directory(settings: GateSettings) -> Path:
    """Where the audit log is, in the data folder."""
    return settings.data_directory / "audit"


def open_audit_log(settings: GateSettings) -> AuditLog:
    """Closing is the caller's."""
    return AuditLog(
        audit_directory(settings),
        segment_bytes=settings.audit_segment_bytes,
        fsync=settings.audit_fsync,
    )


@contextmanager
def open_gate(
    settings: GateSettings, judge: Callable[[], Judge], *, clock: Callable[[], float] = time.time
) -> Generator[Gate]:
    """Nothing is opened before it is needed, so a gate that counts nothing costs little.

    `judge` gives the policy of the moment: `PolicySource.current`, for one in a file. Raises
    `InvalidInput` for settings that can't be.
    """
    with ExitStack() as stack:
        if settings.counters:
            from hermetic.policy.counting_in_redis import RedisCounters

            counters = stack.enter_context(closing(RedisCounters(settings.counters)))
        else:
            counters = stack.enter_context(closing(SqliteCounters(settings.data_directory)))
        approvals = stack.enter_context(closing(ApprovalStore(settings.data_directory)))
        audit = stack.enter_context(closing(open_audit_log(settings)))
        webhook = None
        if settings.webhook_url:
            from hermetic.approvals.webhook import Webhook

            webhook = stack.enter_context(
                closing(Webhook(settings.webhook_url, settings.webhook_secret))
            )
        yield Gate(
            judge,
            counters,
            approvals,
            audit,
            clock=clock,
            approval_seconds=settings.approval_seconds,
            uncounted_when_down=settings.counters_down == "allow",
            audit_values=settings.audit_values,
            tell_approvers=webhook.tell if webhook else None,
        )
