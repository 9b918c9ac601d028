"""What rules count, and what they refuse because of it."""

from __future__ import annotations

from typing import Any

import pytest
from judged_calls import CI, NOON, allows, call, judge, policy, tool_policy

from hermetic.policy.decisions import GLOBAL_TOOL, CounterKey, Verdict
from hermetic.policy.judging import counters_needed, decide


@pytest.mark.parametrize(
    ("limit", "name", "window"),
    [
        ("5/minute", "_rate_minute", 60),
        ("5/hour", "_rate_hour", 3600),
        ("5/day", "_rate_day", 86_400),
        ("{max: 5, window: 60}", "_rate_minute", 60),
        ("{max: 5, window: 90}", "_rate_90s", 90),
    ],
)
def test_a_rate_limit_counts_calls_in_windows_of_the_calendar(limit: str, name: str, window: int):
    rules = tool_policy(f"rules: [{{rate_limit: {limit}}}]")
    now = NOON + 59
    [key] = counters_needed(rules, call(), now)
    assert key == CounterKey(CI.id, "run", name, window, int(now) // window * window)
    assert decide(rules, call(), {key: 4}, now).reservations[0][:3] == (key, 1, 5)
    refused = decide(rules, call(), {key: 5}, now)
    assert refused.verdict is Verdict.DENY
    assert refused.retry_after_seconds == key.start + window - now


def test_a_refusal_by_rate_says_when_to_try_again():
    rules = tool_policy("rules: [{rate_limit: 10/minute}]")
    reason = judge(rules, call(), {"_rate_minute": 10}, NOON + 26).reason
    assert reason.endswith("Try again in 34 s.")
    assert "at most 10 calls a minute are allowed" in reason


def test_the_counters_of_wildcard_rules_are_shared_by_all_tools():
    rules = policy('version: "1"\ntools: {"*": {rules: [{rate_limit: 60/minute}]}}')
    [key] = counters_needed(rules, call("any"), NOON)
    assert key.tool == GLOBAL_TOOL


def test_each_grant_has_counters_of_its_own_unless_they_are_global():
    rules = tool_policy("""\
        rules:
          - {rate_limit: 5/minute}
          - {rate_limit: 50/hour, scope: global}
        """)
    owners = {key.name: key.owner for key in counters_needed(rules, call(), NOON)}
    assert owners == {"_rate_minute": CI.id, "_rate_hour": ""}


SPENDING = """\
rules:
  - name: cap
    conditions: [{path: state.run.spent, op: %s, value: 100}]
    state: {counter: spent, window: day, increment_from: args.amount}
"""


def test_a_counter_can_add_up_an_argument():
    rules = tool_policy(SPENDING % "lte")
    [reservation] = judge(rules, call(amount=30), {"spent": 70}).reservations
    assert (reservation.amount, reservation.most) == (30, 100)
    assert not allows(rules, call(amount=31), used={"spent": 70})


def test_lt_leaves_the_bound_itself_out():
    rules = tool_policy(SPENDING % "lt")
    assert allows(rules, call(amount=29), used={"spent": 70})
    assert not allows(rules, call(amount=30), used={"spent": 70})


@pytest.mark.parametrize("amount", [None, "5", True, -1, float("nan"), float("inf"), 10**400])
def test_what_can_not_be_counted_is_refused(amount: Any):
    decision = judge(tool_policy(SPENDING % "lte"), call(amount=amount))
    assert decision.verdict is Verdict.DENY
    assert "args.amount must be" in decision.reason


def test_an_amount_that_no_window_has_room_for_is_not_to_be_tried_again():
    decision = judge(tool_policy(SPENDING % "lte"), call(amount=101))
    assert decision.retry_after_seconds is None


def test_a_counter_can_have_a_fixed_increment_and_no_bound():
    rules = tool_policy("""\
        rules: [{action: allow, state: {counter: weight, window: hour, increment: 2.5}}]
        """)
    [reservation] = judge(rules, call(), {"weight": 10**9}).reservations
    assert (reservation.amount, reservation.most) == (2.5, None)


def test_a_rule_can_look_at_the_counter_of_another_tool():
    rules = policy("""\
        version: "1"
        tools:
          build: {rules: [{action: allow, state: {counter: n, window: day}}]}
          run: {rules: [{conditions: [{path: state.build.n, op: lt, value: 3}]}]}
        """)
    assert allows(rules, call("run"), used={"n": 2})
    refused = judge(rules, call("run"), {"n": 3})
    assert refused.retry_after_seconds == 43_200


def test_limits_count_under_the_name_of_their_counter():
    rules = tool_policy("limits: [{counter: n, window: minute, max: 10, scope: grant}]")
    assert allows(rules, call(), used={"n": 9})
    assert not allows(rules, call(), used={"n": 10})


def test_limits_of_all_tools_are_shared():
    rules = policy("""\
        {"version": "1", "default": "allow", "all_tools":
         {"limits": [{"counter": "n", "window": "day", "max": 1}]}}
        """)
    [key] = counters_needed(rules, call("any"), NOON)
    assert key.tool == GLOBAL_TOOL


def test_what_runs_used_up_can_be_limited():
    rules = tool_policy("limits: [{spend: cpu_seconds, window: day, max: 3600}]")
    allowed = judge(rules, call(), {"spend:cpu_seconds": 3599.9})
    assert [name for name, _ in allowed.spends] == ["cpu_seconds"]
    refused = judge(rules, call(), {"spend:cpu_seconds": 3600})
    assert refused.retry_after_seconds == 43_200
    assert "3,600 cpu seconds a day are used up" in refused.reason


def test_what_all_tools_used_up_can_be_asked_by_one():
    rules = policy("""\
        version: "1"
        tools:
          run: {rules: [{conditions: [{path: spend.runs.hour, op: lt, value: 100}]}]}
        """)
    [(name, key)] = judge(rules, call("other")).spends
    assert (name, key.tool, key.window) == ("runs", GLOBAL_TOOL, 3600)
    assert not allows(rules, call("run"), used={"spend:runs": 100})
