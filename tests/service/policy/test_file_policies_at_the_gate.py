"""Real policy files at a real gate."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from stand_in_judges import call_of

from hermetic.errors import ApprovalRequired, PolicyDenied
from hermetic.grants import Grant
from hermetic.policy.counting import CounterStore
from hermetic.policy.policy_judge import PolicyJudge
from hermetic.policy.source import PolicySource
from hermetic_runtime.reported import Outcome, Usage
from hermetic_runtime.results import RunResult

DONE = RunResult(Outcome.OK, usage=Usage(wall_seconds=1, cpu_seconds=4))
TEN_A_MINUTE = {
    "version": "1",
    "default": "deny",
    "tools": {
        "run": {"limits": [{"counter": "calls", "window": "minute", "max": 10, "scope": "grant"}]}
    },
}


def judge(folder: Path, policy: object) -> PolicyJudge:
    path = folder / "policy.json"
    path.write_text(json.dumps(policy))
    return PolicyJudge.load(path)


def test_the_eleventh_call_of_a_minute_is_refused_and_the_next_minute_allows(
    gates, tmp_path: Path, counters: CounterStore
):
    gate = gates.open(judge(tmp_path, TEN_A_MINUTE), counters)
    for _ in range(10):
        gate.admit(call_of(code="1")).carried_out(DONE)
    with pytest.raises(PolicyDenied) as refusal:
        gate.admit(call_of(code="1"))
    assert refusal.value.retry_after_seconds == 20
    gates.now += 20
    gate.admit(call_of(code="1")).carried_out(DONE)


def test_grants_are_counted_apart(gates, tmp_path: Path, counters: CounterStore):
    gate = gates.open(judge(tmp_path, TEN_A_MINUTE), counters)
    for grant in (Grant("g1", "one"), Grant("g2", "two")):
        for _ in range(10):
            gate.admit(call_of(grant=grant, code="1")).carried_out(DONE)


def test_many_threads_get_through_exactly_as_often_as_allowed(
    gates, tmp_path: Path, counters: CounterStore
):
    gate = gates.open(judge(tmp_path, TEN_A_MINUTE), counters)
    passed: list[object] = []

    def call() -> None:
        for _ in range(5):
            try:
                passed.append(gate.admit(call_of(code="1")))
            except PolicyDenied:
                pass

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 10


def test_a_tool_that_is_not_listed_is_refused(gates, tmp_path: Path):
    with pytest.raises(PolicyDenied):
        gates.open(judge(tmp_path, TEN_A_MINUTE)).admit(call_of("other"))


def test_what_a_rule_wants_approved_passes_when_it_is(gates, tmp_path: Path):
    rule = {
        "name": "long code is looked at",
        "action": "require_approval",
        "conditions": [{"path": "code.bytes", "op": "gt", "value": 10}],
    }
    policy = {"version": "1", "default": "allow", "tools": {"run": {"rules": [rule]}}}
    gate = gates.open(judge(tmp_path, policy))
    gate.admit(call_of(code="1")).abandoned()
    with pytest.raises(ApprovalRequired) as question:
        gate.admit(call_of(code="1 + 1 + 1 + 1"))
    gate.settle(question.value.approval, approved=True, by="ada")
    gate.admit(call_of(code="1 + 1 + 1 + 1")).abandoned()


def test_limits_come_with_the_admission(gates, tmp_path: Path):
    policy = {
        "version": "1",
        "default": "allow",
        "tools": {},
        "sandbox": {"limits": {"wall_seconds": 5}},
    }
    with gates.open(judge(tmp_path, policy)).admit(call_of(code="1")) as admission:
        assert admission.decision.allowance.limits.wall_seconds == 5
    assert gates.records()[0]["limits"]["wall_seconds"] == 5


def test_a_file_is_a_source_of_policies(tmp_path: Path, gates):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(TEN_A_MINUTE))
    source = PolicySource(path, PolicyJudge.load)
    path.write_text('{"version": "1"')
    source.check()
    assert source.problem is not None
    assert str(path) in source.problem
    assert source.current().policy.name == str(path)
