"""The grammar of rules, clause by clause."""

from __future__ import annotations

from typing import Any

import pytest
from judged_calls import CI, NOON, allows, call, judge, policy, tool_policy

from hermetic.grants import Grant
from hermetic.policy.decisions import GLOBAL_TOOL, CounterKey, Verdict
from hermetic.policy.judging import counters_needed, decide, hidden_tools, is_hidden


def condition(path: str, op: str, value: str) -> str:
    return f"rules: [{{conditions: [{{path: {path}, op: {op}, value: {value}}}]}}]"


@pytest.mark.parametrize(
    ("op", "value", "holds", "fails"),
    [
        ("eq", "main", ["main"], ["Main", 1, None]),
        ("eq", "1", [1, 1.0], [True, "1", 2]),
        ("eq", "true", [True], [1, "true"]),
        ("eq", "[1, {a: b}]", [[1, {"a": "b"}]], [[1, {"a": "c"}], [1], {"a": "b"}]),
        ("neq", "draft", ["main", 1], ["draft"]),
        ("in", "[usd, eur]", ["usd", ["usd"], ["usd", "eur"], []], ["gbp", ["usd", "gbp"], 1]),
        ("not_in", "[admin]", ["me", ["me"], []], ["admin", ["me", "admin"]]),
        ("lt", "10", [9, 9.9, -1], [10, "9", True, None]),
        ("lte", "10", [10, 10.0], [10.1]),
        ("gt", "10", [11, 10**400], [10]),
        ("gte", "10", [10], [9.99]),
        ("regex", "'^feat/'", ["feat/x"], ["a feat/x", 1, ["feat/x"]]),
        ("contains", "test", ["a test", ["test"]], ["tes", ["tests"], {"test": 1}]),
        ("contains", "1", [[1, 2]], ["1", ["1"], [True]]),
        ("exists", "true", [0, "", []], [None]),
    ],
)
def test_an_operator(op: str, value: str, holds: list[Any], fails: list[Any]):
    rules = tool_policy(condition("args.x", op, value))
    assert [x for x in holds if not allows(rules, call(x=x))] == []
    assert [x for x in fails if allows(rules, call(x=x))] == []


@pytest.mark.parametrize("op", ["eq", "neq", "not_in", "lt", "contains"])
def test_no_condition_holds_over_what_is_absent(op: str):
    value = "[a]" if op == "not_in" else "1"
    assert not allows(tool_policy(condition("args.x", op, value)), call())


def test_exists_false_holds_over_what_is_absent_or_null():
    rules = tool_policy(condition("args.x", "exists", "false"))
    assert allows(rules, call())
    assert allows(rules, call(x=None))
    assert not allows(rules, call(x=0))


def test_a_path_goes_into_objects_and_lists():
    rules = tool_policy(condition("args.a.b.1", "eq", "yes"))
    assert allows(rules, call(a={"b": ["no", "yes"]}))
    assert not allows(rules, call(a={"b": ["no"]}))
    assert not allows(rules, call(a="text"))


def test_words_that_old_yaml_took_for_booleans_are_texts():
    assert allows(tool_policy(condition("args.x", "in", "[yes, on, off]")), call(x="on"))


def test_all_conditions_of_a_rule_must_hold():
    rules = tool_policy("""\
        rules:
          - conditions:
              - {path: args.amount, op: lte, value: 500}
              - {path: args.currency, op: in, value: [usd, eur]}
        """)
    assert allows(rules, call(amount=500, currency="usd"))
    assert not allows(rules, call(amount=501, currency="usd"))
    assert not allows(rules, call(amount=500, currency="gbp"))


def test_every_rule_of_a_tool_must_pass():
    rules = tool_policy("""\
        rules:
          - {name: small, conditions: [{path: args.n, op: lt, value: 10}]}
          - {name: even, conditions: [{path: args.n, op: in, value: [0, 2, 20]}]}
        """)
    assert allows(rules, call(n=2))
    assert judge(rules, call(n=20)).rule == "tools.run.rules[0] (small)"
    assert judge(rules, call(n=3)).rule == "tools.run.rules[1] (even)"


def test_a_denying_rule_refuses_every_call_and_says_what_its_author_wrote():
    decision = judge(
        tool_policy("rules: [{name: no, action: deny, on_deny: Not through agents}]"), call()
    )
    assert decision.verdict is Verdict.DENY
    assert decision.reason == (
        "The call of 'run' was refused: Not through agents. Rule: tools.run.rules[0] (no)."
    )


def test_a_denying_rule_with_conditions_refuses_where_they_hold():
    rules = tool_policy("""\
        rules: [{action: deny, conditions: [{path: args.x, op: eq, value: 1}]}]
        """)
    assert not allows(rules, call(x=1))
    assert allows(rules, call(x=2))
    assert allows(rules, call())


def test_an_approval_is_asked_for_where_conditions_hold():
    rules = tool_policy("""\
        rules: [{action: require_approval, conditions: [{path: args.x, op: gt, value: 1}]}]
        """)
    assert judge(rules, call(x=2)).verdict is Verdict.APPROVAL
    assert judge(rules, call(x=1)).verdict is Verdict.ALLOW


def test_a_denial_wins_over_an_approval():
    rules = tool_policy("""\
        rules:
          - {action: require_approval}
          - {action: deny}
        """)
    assert judge(rules, call()).verdict is Verdict.DENY


def test_an_approval_comes_with_what_the_call_would_get_and_count():
    rules = tool_policy("rules: [{action: require_approval}, {rate_limit: 5/hour}]")
    decision = judge(rules, call())
    assert decision.rule == "tools.run.rules[0]"
    assert [reservation.most for reservation in decision.reservations] == [5]


def test_an_allowing_rule_may_ask_for_nothing():
    assert allows(tool_policy("rules: [{action: allow}]"), call())


def test_rules_that_are_empty_allow():
    assert allows(tool_policy("rules: []"), call())


def test_default_deny_refuses_what_is_not_listed_before_any_wildcard():
    rules = policy("""\
        version: "1"
        default: deny
        tools:
          "*": {rules: [{action: allow}]}
          run: {rules: []}
        """)
    assert allows(rules, call("run"))
    decision = judge(rules, call("other"))
    assert decision.verdict is Verdict.DENY
    assert decision.rule == "default"


def test_default_allow_lets_through_what_is_not_listed():
    assert allows(policy('version: "1"\ntools: {}'), call("other"))


def test_the_rules_of_a_tool_come_before_those_of_all_tools():
    rules = policy("""\
        version: "1"
        tools:
          "*": {rules: [{name: all, action: deny}]}
          run: {rules: [{name: own, action: deny}]}
        """)
    assert judge(rules, call("run")).rule == "tools.run.rules[0] (own)"
    assert judge(rules, call("other")).rule == "tools.*.rules[0] (all)"


def test_a_hidden_tool_is_refused_and_named_for_listings():
    rules = policy('version: "1"\nhide: [run]\ntools: {run: {rules: []}}')
    assert judge(rules, call("run")).rule == "hide"
    assert hidden_tools(rules) == {"run"}
    assert is_hidden(rules, "run") and not is_hidden(rules, "other")


def test_a_star_hides_all():
    rules = policy('version: "1"\nhide: ["*"]\ntools: {}')
    assert is_hidden(rules, "any")
    assert not allows(rules, call("any"))


def test_required_arguments_must_be_given():
    rules = tool_policy("rules: [{action: allow, validate: {required_args: true}}]")
    assert allows(rules, call(code=""))
    assert "lack code" in judge(rules, call()).reason
    assert not allows(rules, call(code=None))


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


def test_deny_if_refuses_where_any_of_its_conditions_holds():
    rules = tool_policy("""\
        deny_if:
          - {path: args.amount, op: gt, value: 10000}
          - conditions:
              - {path: args.to, op: eq, value: prod}
              - {path: args.force, op: eq, value: true}
            on_deny: Never by force
        """)
    assert allows(rules, call(amount=1, to="prod"))
    assert judge(rules, call(amount=10_001)).rule == "tools.run.deny_if[0]"
    assert "Never by force." in judge(rules, call(to="prod", force=True)).reason


def test_require_refuses_unless_all_of_its_conditions_hold():
    rules = tool_policy("require: [{path: args.reason, op: exists, value: true}]")
    assert allows(rules, call(reason="because"))
    assert judge(rules, call()).rule == "tools.run.require[0]"


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


def test_an_empty_tool_is_allowed_under_default_deny():
    rules = policy('{"version": "1", "default": "deny", "tools": {"run": {}}}')
    assert allows(rules, call("run"))
    assert not allows(rules, call("other"))


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


def test_conditions_see_the_size_of_code_in_bytes():
    rules = tool_policy(condition("code.bytes", "lte", "4"))
    assert allows(rules, call(code="éé"))
    assert not allows(rules, call(code="éé1"))


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("import os.path as p, sys", ["os", "sys"]),
        ("def f():\n    from a.b import c", ["a"]),
        ("from . import x", []),
        ("'import re'", []),
        ("x = 1\nimport json; import re\n???", ["json", "re"]),
        ("import os\n" + "#" * 300_000, ["os"]),
    ],
)
def test_conditions_see_the_modules_that_code_imports(code: str, modules: list[str]):
    rules = tool_policy(condition("code.imports", "eq", str(modules)))
    assert allows(rules, call(code=code))


def test_conditions_see_the_packages_that_are_asked_for_by_their_normal_names():
    block = "# /// script\n# dependencies = ['Pillow>=10']\n# ///\n"
    rules = tool_policy(condition("code.requirements", "eq", "[my-pkg, pillow]"))
    assert allows(rules, call(code=block, requirements=["My_Pkg[x]>=1 ; python_version > '3'"]))


def test_a_requirement_that_is_none_is_not_overlooked():
    rules = tool_policy(condition("code.requirements", "in", "[numpy]"))
    assert allows(rules, call(code="", requirements=["numpy"]))
    assert not allows(rules, call(code="", requirements=["numpy", "!!!"]))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("grant.name", "ci"),
        ("grant.id", "'0123456789ab'"),
        ("grant.limits.wall_seconds", "60"),
        ("time.hour", "12"),
        ("time.weekday", "saturday"),
        ("time.date", "'2026-11-21'"),
        ("time.year", "2026"),
        ("time.unix", "1795262400"),
    ],
)
def test_conditions_see_grant_and_time(path: str, value: str):
    assert allows(tool_policy(condition(path, "eq", value)), call())


def test_a_limit_that_a_grant_has_not_is_absent():
    assert allows(tool_policy(condition("grant.limits.fuel", "exists", "false")), call())


GRANTS = """\
version: "1"
default: allow
tools: {run: {rules: [{rate_limit: 100/hour}]}}
grants:
  ci:
    default: deny
    hide: [secret]
    tools: {run: {rules: [{rate_limit: 10/hour}]}}
  0a0a0a0a0a0a: {}
"""


def test_a_grant_that_is_not_named_is_refused_everything():
    decision = judge(policy(GRANTS), call(grant=Grant("ffff", "someone")))
    assert decision.verdict is Verdict.DENY
    assert decision.rule == "grants"


def test_a_grant_is_named_by_its_name_or_its_id():
    assert allows(policy(GRANTS), call(grant=CI))
    assert allows(policy(GRANTS), call(grant=Grant("0a0a0a0a0a0a", "any")))


def test_a_star_stands_for_all_other_grants():
    rules = policy('version: "1"\ndefault: allow\ngrants: {ci: {default: deny}, "*": {}}')
    assert allows(rules, call(grant=Grant("ffff", "someone")))
    assert not allows(rules, call(grant=CI))


def test_a_call_must_pass_the_rules_of_the_file_and_of_its_grant():
    rules = policy(GRANTS)
    mosts = sorted(reservation.most or 0 for reservation in judge(rules, call()).reservations)
    assert mosts == [10, 100]
    refused = judge(rules, call(), {"_grant_rate_hour": 10})
    assert refused.rule == "grants.ci.tools.run.rules[0]"
    assert judge(rules, call("other")).rule == "grants.ci.default"
    assert hidden_tools(rules, CI) == {"secret"}


def test_a_decision_names_the_rules_that_were_looked_at():
    rules = tool_policy("""\
        rules: [{name: a, action: allow}, {name: b, action: deny}, {name: c, action: deny}]
        """)
    considered = judge(rules, call()).considered
    assert [(rule.rule, rule.passed) for rule in considered] == [
        ("tools.run.rules[0] (a)", True),
        ("tools.run.rules[1] (b)", False),
    ]
    every = decide(rules, call(), {}, NOON, exhaustively=True)
    assert len(every.considered) == 3
    assert every.rule == "tools.run.rules[1] (b)"
