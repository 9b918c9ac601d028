"""Calls that wait for a person: asked once, decided once, used once."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from counters_in_memory import MemoryCounters
from stand_in_judges import Fixed, Limited, call_of, key_of

from hermetic.approvals.approval import ApprovalState
from hermetic.approvals.store import KEPT_SECONDS, PENDING_PER_GRANT, ApprovalStore
from hermetic.errors import ApprovalRequired, ApprovalSettled, PolicyDenied, UnknownApproval
from hermetic.grants import Grant
from hermetic.policy.decisions import Verdict

ASK = Fixed(Verdict.APPROVAL, "this needs a person")


@pytest.fixture
def gate(gates):
    return gates.open(ASK)


def asked(gate, call=None, **options) -> str:
    """The id of the approval that a call has to have first."""
    with pytest.raises(ApprovalRequired) as question:
        gate.admit(call or call_of(code="1"), **options)
    return question.value.approval


def test_a_call_that_waits_tells_the_id_of_its_approval(gate):
    with pytest.raises(ApprovalRequired, match="this needs a person") as question:
        gate.admit(call_of())
    assert question.value.approval.startswith("ap_")
    assert question.value.rule == "the rule"
    assert question.value.approval in (question.value.hint or "")


def test_the_same_call_passes_once_when_it_is_approved(gate):
    approval = asked(gate)
    gate.settle(approval, approved=True, by="ada")
    gate.admit(call_of(code="1"), approval=approval).abandoned()
    assert asked(gate, approval=approval) != approval


def test_an_approved_call_needs_no_id(gate):
    gate.settle(asked(gate), approved=True, by="ada")
    gate.admit(call_of(code="1")).abandoned()


def test_another_call_does_not_pass(gate):
    approval = asked(gate)
    gate.settle(approval, approved=True, by="ada")
    for other in (call_of(code="2"), call_of("other", code="1"), call_of(code="1", more=1)):
        assert asked(gate, other, approval=approval) != approval


def test_the_same_call_of_another_grant_does_not_pass(gate):
    approval = asked(gate)
    gate.settle(approval, approved=True, by="ada")
    other = call_of(grant=Grant("g2", "ci"), code="1")
    assert asked(gate, other, approval=approval) != approval


def test_asking_again_while_it_waits_asks_no_new_question(gate):
    assert asked(gate) == asked(gate)


def test_a_denied_call_is_refused_with_the_reason(gate):
    approval = asked(gate)
    gate.settle(approval, approved=False, by="ada", why="too dear")
    with pytest.raises(PolicyDenied, match="too dear"):
        gate.admit(call_of(code="1"))


def test_an_approval_expires(gate, gates):
    approval = asked(gate)
    gate.settle(approval, approved=True, by="ada")
    gates.now += 3600
    assert asked(gate, approval=approval) != approval


def test_what_expired_can_not_be_approved(gate, gates):
    approval = asked(gate)
    gates.now += 3600
    with pytest.raises(ApprovalSettled, match="expired"):
        gate.settle(approval, approved=True, by="ada")


def test_what_is_decided_stays_decided(gate):
    approval = asked(gate)
    gate.settle(approval, approved=False, by="ada")
    with pytest.raises(ApprovalSettled, match="denied"):
        gate.settle(approval, approved=True, by="eve")


def test_there_is_no_deciding_what_was_not_asked(gate):
    with pytest.raises(UnknownApproval):
        gate.settle("ap_0", approved=True, by="ada")


def test_a_grant_can_not_settle_what_another_one_asked(gate):
    approval = asked(gate)
    with pytest.raises(UnknownApproval):
        gate.settle(approval, approved=True, by="eve", grant="g2")
    gate.settle(approval, approved=True, by="ada", grant="g1")


def test_threads_use_an_approval_once(gate):
    approval = asked(gate)
    gate.settle(approval, approved=True, by="ada")
    passed: list[object] = []

    def attempt():
        try:
            passed.append(gate.admit(call_of(code="1"), approval=approval))
        except ApprovalRequired:
            pass

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 1


def test_a_call_that_waits_is_not_counted(gates):
    counters = MemoryCounters()
    gate = gates.open(Limited(verdict=Verdict.APPROVAL), counters)
    asked(gate, call_of())
    key = key_of(call_of(), gates.now)
    assert counters.read([key]) == {key: 0}


def test_a_grant_may_ask_so_much_at_a_time(gate):
    for number in range(PENDING_PER_GRANT):
        asked(gate, call_of(code=str(number)))
    with pytest.raises(PolicyDenied, match="wait for an approval already"):
        gate.admit(call_of(code="one more"))


def test_what_a_person_can_not_look_at_is_refused(gate):
    with pytest.raises(PolicyDenied, match="can be shown"):
        gate.admit(call_of(code="x" * 2_000_000))


def test_arguments_are_erased_when_nobody_has_to_see_them_any_more(gate, gates):
    store: ApprovalStore = gates.keep(ApprovalStore(gates.directory))
    used, denied, late = (asked(gate, call_of(code=f"secret {n}")) for n in range(3))
    assert store.show(used, now=gates.now).arguments == '{"code":"secret 0"}'
    gate.settle(used, approved=True, by="ada")
    gate.admit(call_of(code="secret 0")).abandoned()
    gate.settle(denied, approved=False, by="ada")
    gates.now += 3600
    states = [
        (each.id, each.state, each.arguments) for each in store.list(now=gates.now, settled=True)
    ]
    assert states == [
        (used, ApprovalState.USED, None),
        (denied, ApprovalState.DENIED, None),
        (late, ApprovalState.EXPIRED, None),
    ]


def test_what_ended_long_ago_is_removed(gate, gates):
    store: ApprovalStore = gates.keep(ApprovalStore(gates.directory))
    asked(gate)
    gates.now += 3600
    assert len(store.list(now=gates.now, settled=True)) == 1
    gates.now += KEPT_SECONDS
    assert store.list(now=gates.now, settled=True) == []


def test_the_file_is_private(gate, gates):
    asked(gate)
    path = gates.directory / "approvals.sqlite3"
    assert path.stat().st_mode & 0o077 == 0
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM approvals").fetchone() == (1,)
    connection.close()


def test_who_decided_and_why_is_written_down(gate, gates):
    approval = asked(gate)
    gate.settle(approval, approved=True, by="ada", why="looked at it")
    record = gates.records()[-1]
    shown = {name: record[name] for name in ("event", "approval", "state", "by", "why")}
    assert shown == {
        "event": "approval_settled",
        "approval": approval,
        "state": "approved",
        "by": "ada",
        "why": "looked at it",
    }


def test_an_approver_is_told_of_each_question_once(gates):
    told = []
    gate = gates.open(ASK, tell_approvers=told.append)
    approval = asked(gate)
    asked(gate)
    assert [each.id for each in told] == [approval]
