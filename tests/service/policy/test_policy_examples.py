"""The policies in examples/policies, and the starter, each doing what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged_calls import CI, NOON, call, judge

from hermetic.grants import LOCAL
from hermetic.policy.cases import run_cases
from hermetic.policy.decisions import Verdict
from hermetic.policy.judging import counters_needed
from hermetic.policy.loading import load_policy

POLICIES = Path(__file__).parents[3] / "examples/policies"
PUBLIC = ["execute.json", "run_python_code.json", "run_code.json", "run.json"]


@pytest.mark.parametrize("file", [*PUBLIC, "python_execute.yaml"])
def test_a_public_policy_refuses_the_eleventh_call_in_a_window_and_the_next_window_allows(
    file: str,
):
    policy, tool = load_policy(POLICIES / file), Path(file).stem
    call_of_tool = call(tool, code="1")
    [key] = counters_needed(policy, call_of_tool, NOON)
    assert judge(policy, call_of_tool, {key.name: 9}).verdict is Verdict.ALLOW
    refused = judge(policy, call_of_tool, {key.name: 10}, NOON + 20)
    assert (refused.verdict, refused.retry_after_seconds) == (Verdict.DENY, 40)
    [later] = counters_needed(policy, call_of_tool, NOON + 60)
    assert later.start == key.start + 60


@pytest.mark.parametrize("file", PUBLIC)
def test_a_public_policy_in_json_refuses_every_other_tool(file: str):
    assert judge(load_policy(POLICIES / file), call("shell")).rule == "default"


def test_the_public_policy_in_yaml_asks_for_the_required_arguments():
    policy = load_policy(POLICIES / "python_execute.yaml")
    assert "lack code" in judge(policy, call("python_execute")).reason


def test_strict_lets_a_short_program_of_the_standard_library_run_for_ten_seconds():
    policy = load_policy(POLICIES / "strict.yaml")
    decision = judge(policy, call("python_execute", code="import json"))
    assert decision.verdict is Verdict.ALLOW
    assert decision.allowance.limits.wall_seconds == 10
    assert decision.allowance.packages.allow == ()
    for refused in (
        call("python_execute", code="#" * 20_001),
        call("python_execute", code="1", requirements=["numpy"]),
    ):
        assert judge(policy, refused).verdict is Verdict.DENY


def test_restrictive_yaml_does_what_its_table_of_cases_says():
    outcomes = run_cases(POLICIES / "restrictive.cases.yaml")
    assert {outcome.name: outcome.differences for outcome in outcomes if outcome.differences} == {}


def test_permissive_narrows_nothing():
    decision = judge(load_policy(POLICIES / "permissive.yaml"), call("anything", grant=LOCAL))
    assert decision.verdict is Verdict.ALLOW
    assert decision.allowance.limits == LOCAL.limits


def test_every_example_has_a_test_here():
    named = Path(__file__).read_text()
    for file in POLICIES.iterdir():
        assert file.name in named or f"{file.stem}.cases{file.suffix}" in named, file.name


def test_the_starter_is_a_policy():
    import hermetic.policy

    starter = load_policy(Path(hermetic.policy.__file__).with_name("starter.yaml"))
    assert judge(starter, call("python_execute", grant=CI, code="1")).verdict is Verdict.ALLOW
