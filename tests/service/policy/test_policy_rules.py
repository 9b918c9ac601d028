"""The grammar of rules, clause by clause."""

from __future__ import annotations

from judged_calls import CI, NOON, allows, call, judge, policy, tool_policy

from hermetic.grants import Grant
from hermetic.policy.decisions import Verdict
from hermetic.policy.judging import decide, hidden_tools, is_hidden


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


def test_an_empty_tool_is_allowed_under_default_deny():
    rules = policy('{"version": "1", "default": "deny", "tools": {"run": {}}}')
    assert allows(rules, call("run"))
    assert not allows(rules, call("other"))


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
