"""The gate that every door asks before anything of a call is resolved or run."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from hermetic.approvals.approval import Approval, ApprovalState
from hermetic.approvals.settling import settle
from hermetic.approvals.store import ApprovalStore
from hermetic.audit.log import AuditLog
from hermetic.audit.records import decided
from hermetic.errors import (
    ApprovalRequired,
    CountersUnavailable,
    HermeticError,
    NotAllowed,
    PolicyDenied,
)
from hermetic.policy.admission import Admission
from hermetic.policy.counting import CounterStore
from hermetic.policy.counting_with_debts import CountersWithDebts
from hermetic.policy.decisions import Call, CounterKey, Decision, Verdict
from hermetic.policy.judge import Judge

APPROVAL_SECONDS = 3600.0
"""How long an approval can be decided and used, unless a setting says otherwise."""

_ATTEMPTS = 20
_CALL_ID_BYTES = 8
_NO_COUNTERS: Mapping[CounterKey, float] = {}


class Gate:
    """Judges calls, counts them, has them approved, and writes down what it did.

    All methods block, for a millisecond or so, and may be called from any thread: from an
    event loop through `asyncio.to_thread`. `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        judge: Callable[[], Judge],
        counters: CounterStore,
        approvals: ApprovalStore,
        audit: AuditLog,
        *,
        clock: Callable[[], float] = time.time,
        approval_seconds: float = APPROVAL_SECONDS,
        uncounted_when_down: bool = False,
        audit_values: bool = False,
        tell_approvers: Callable[[Approval], None] | None = None,
    ) -> None:
        """`judge` gives the policy of the moment; each call is judged by one alone.

        `uncounted_when_down` lets calls pass uncounted while the counters can't be reached.
        `tell_approvers` is called with each new question, and must not block.
        """
        self._judge = judge
        self._counters = CountersWithDebts(counters)
        self._approvals = approvals
        self._audit = audit
        self._clock = clock
        self._approval_seconds = approval_seconds
        self._uncounted_when_down = uncounted_when_down
        self._audit_values = audit_values
        self._tell_approvers = tell_approvers

    def admit(self, call: Call, *, approval: str | None = None) -> Admission:
        """What the call may do, counted. The admission has to be ended, once.

        `approval` is the id that `ApprovalRequired` gave to the same call before. Without
        it, an approval of exactly this call that was not used yet is found and used.

        Raises `PolicyDenied`, `ApprovalRequired`, `CountersUnavailable` and, when the audit
        log or the approvals can't be written, `StorageError`. Nothing is counted then.
        """
        now = self._clock()
        call_id = os.urandom(_CALL_ID_BYTES).hex()
        try:
            decision = self._count(call, now)
        except CountersUnavailable as error:
            self._write(call, _refused("counters", error.message), call_id, now)
            raise
        if decision.verdict is Verdict.DENY:
            self._write(call, decision, call_id, now)
            raise _denied(decision)
        try:
            if decision.verdict is Verdict.APPROVAL:
                decision = self._use_approval(call, decision, call_id, now, approval)
            else:
                self._write(call, decision, call_id, now)
        except BaseException:
            self._counters.give_back(decision.reservations)
            raise
        return Admission(
            call, decision, call_id, counters=self._counters, audit=self._audit, clock=self._clock
        )

    def settle(
        self, approval: str, *, approved: bool, by: str, why: str = "", grant: str | None = None
    ) -> Approval:
        """Approve or deny what waits, and write down who did and why.

        With the id of a `grant`, only what that one asked for: for answers that come from
        callers themselves. Raises `UnknownApproval`, `ApprovalSettled` and `StorageError`.
        """
        return settle(
            self._approvals,
            self._audit,
            approval,
            approved=approved,
            by=by,
            why=why,
            now=self._clock(),
            grant=grant,
        )

    def _count(self, call: Call, now: float) -> Decision:
        """A decision whose reservations were made, unless it denies the call.

        Where another call took what this one was judged to have left, it is judged again.
        """
        judge = self._judge()
        for _ in range(_ATTEMPTS):
            keys = frozenset(judge.counters_needed(call, now))
            try:
                counters = self._counters.read(keys) if keys else _NO_COUNTERS
                decision = judge.decide(call, counters, now)
                if decision.verdict is Verdict.DENY or not decision.reservations:
                    return decision
                if self._counters.reserve(decision.reservations) is None:
                    return decision
            except CountersUnavailable:
                if not self._uncounted_when_down:
                    raise
                uncounted = judge.decide(call, _NO_COUNTERS, now)
                return replace(uncounted, reservations=(), spends=())
        raise CountersUnavailable(
            "the counters of policy changed at every attempt to count this call",
            hint="Too many calls are made at once; try again.",
        )

    def _use_approval(
        self, call: Call, decision: Decision, call_id: str, now: float, approval: str | None
    ) -> Decision:
        """The decision that an approval of this call, which is used up then, turned it into."""
        rule = decision.rule
        allowed = replace(decision, verdict=Verdict.ALLOW)

        def record(used: Approval) -> None:
            self._write(call, allowed, call_id, now, used.id)

        found = self._approvals.use(call, rule, now=now, approval=approval, record=record)
        if found is not None and found.state is ApprovalState.APPROVED:
            return allowed
        if found is not None and found.state is ApprovalState.DENIED:
            why = f": {found.why}" if found.why else ""
            refused = _refused(rule, f"a person refused this call{why}", decision)
            self._write(call, refused, call_id, now, found.id)
            raise _denied(refused)
        expires = now + self._approval_seconds
        try:
            asked = self._approvals.ask(call, rule, decision.reason, now=now, expires=expires)
        except NotAllowed as error:
            refused = _refused(rule, error.message, decision)
            self._write(call, refused, call_id, now)
            raise _denied(refused, error.hint) from error
        question = asked.approval
        self._write(call, decision, call_id, now, question.id)
        if asked.is_new and self._tell_approvers is not None:
            self._tell_approvers(question)
        raise ApprovalRequired(
            decision.reason,
            approval=question.id,
            rule=rule,
            hint=f"A person has to agree: `hermetic approvals approve {question.id}`. Then make"
            " the same call again.",
        )

    def _write(
        self, call: Call, decision: Decision, call_id: str, now: float, approval: str | None = None
    ) -> None:
        self._audit.write(
            decided(
                call,
                decision,
                call_id=call_id,
                time=now,
                approval=approval,
                with_values=self._audit_values,
            )
        )


def _refused(rule: str, reason: str, decision: Decision | None = None) -> Decision:
    """A refusal by the gate itself, of what the policy would have let pass."""
    decision = decision or Decision(verdict=Verdict.DENY, rule=rule, reason=reason)
    return replace(
        decision, verdict=Verdict.DENY, rule=rule, reason=reason, reservations=(), spends=()
    )


def _denied(decision: Decision, hint: str | None = None) -> HermeticError:
    wait = decision.retry_after_seconds
    return PolicyDenied(
        decision.reason,
        rule=decision.rule,
        retry_after_seconds=None if wait is None else max(1, math.ceil(wait)),
        hint=hint,
    )
