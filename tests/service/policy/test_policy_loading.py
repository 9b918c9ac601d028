"""What is a policy file, and what errors say where."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged_calls import policy

from hermetic.errors import PolicyError
from hermetic.policy.loading import load_policy, parse_policy


def refusal(text: str) -> str:
    with pytest.raises(PolicyError) as refused:
        policy(text)
    return refused.value.message


def rule_refusal(rule: str) -> str:
    return refusal(f'version: "1"\ntools:\n  run:\n    rules:\n      - {rule}\n')


def test_an_error_names_file_line_and_path():
    message = refusal("""\
        version: "1"
        tools:
          run:
            rules:
              - action: allow
              - conditions:
                  - path: args.x
                    op: equals
                    value: 1
        """)
    assert message.startswith(
        "policy.yaml:8: tools.run.rules[1].conditions[0].op: unknown operator 'equals'"
    )


def test_an_error_in_json_names_the_line_too():
    message = refusal('{"version": "1",\n "default": "deny",\n "tols": {}}')
    assert message == "policy.yaml:3: tols: there is no such key here"


def test_all_mistakes_of_shape_are_told_at_once():
    message = refusal('version: "1"\ndefault: maybe\nhide: run\n')
    assert [line.split(": ")[1] for line in message.splitlines()] == ["default", "hide"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1: a policy is a mapping"),
        ("[1]", "1: a policy is a mapping"),
        ("version: 1", 'version: the version must be "1", in quotes'),
        ("tools: {}", "version: this key is required"),
        ('version: "1"\nversion: "1"', "2: version: this key is there twice"),
        ('{"version": "1",\n"version": "1"}', "2: version: this key is there twice"),
        ('version: "1"\nhide: &a [x]\ntools: {}', "2: anchors and aliases are not allowed"),
        ('version: "1"\ntools: !!python/name:os.system {}', "2: tags are not allowed"),
        ('version: "1"\n---\nversion: "1"', "2: a second document"),
        ('version: "1"\n1: x', "2: the key 1 is not a string"),
        ('version: "1"\n? [a]\n: x', "2: a key is a string"),
        ('version: "1"\ntools: [', "not YAML"),
        ('{"version": "1",}', "1: not JSON"),
        ('{"version": "1", "x": NaN}', "not JSON: NaN"),
        ('{"version": "1", "default": 1e999}', "1: a number that is too large"),
        ('version: "1"\ndefault: 1e999', "2: a number that is too large"),
        (
            'version: "1"\ntools: {_global: {rules: []}}',
            '2: tools._global: for all tools write "*"',
        ),
        ('{"version": "1", "hide": ' + "9" * 5000 + "}", "not JSON: "),
        ('version: "1"\nhide: [a, a]', "2: hide[1]: 'a' is there twice"),
        ('version: "1"\nhide: [" "]', "2: hide[0]: the name of a tool must not be blank"),
    ],
)
def test_what_is_no_policy_is_refused(text: str, says: str):
    assert says in refusal(text)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "- " * 100_000])
def test_deep_nesting_is_refused(text: str):
    assert "nested deeper than 32 levels" in refusal(text)


def test_a_huge_file_is_refused(tmp_path: Path):
    file = tmp_path / "policy.yaml"
    file.write_bytes(b"#" * 600_000)
    with pytest.raises(PolicyError, match="more than 524,288"):
        load_policy(file)


def test_a_file_that_is_not_there_is_an_error_of_ours(tmp_path: Path):
    with pytest.raises(PolicyError, match="can't be read: No such file"):
        load_policy(tmp_path / "none.yaml")


def test_a_file_that_is_not_utf8_is_refused_with_the_line():
    with pytest.raises(PolicyError, match=r"^p:2: the file is not UTF-8"):
        parse_policy(b'version: "1"\n\xff', "p")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("{name: x}", "rules[0]: a rule that evaluates needs"),
        ("{action: maybe}", "rules[0].action:"),
        ("{rate_limit: 0/hour}", "rules[0].rate_limit.max:"),
        ("{rate_limit: 5/week}", 'a rate limit is as "10/minute"'),
        ("{rate_limit: many/hour}", "the count of a rate limit is a whole number"),
        ("{rate_limit: {max: 5}}", "rate_limit.window: this key is required"),
        ("{rate_limit: 5/hour, action: deny}", "can't be joined with the action 'deny'"),
        (
            "{rate_limit: 5/hour, state: {counter: n, window: day}}",
            "rate_limit: can't be joined with `conditions` or `state`",
        ),
        (
            "{rate_limit: 5/hour, conditions: [{path: args.x, op: eq}]}",
            "rate_limit: can't be joined with `conditions` or `state`",
        ),
        ("{action: deny, state: {counter: n, window: day}}", "state: can't be joined"),
        ("{action: deny, validate: {required_args: true}}", "validate: can't be joined"),
        ("{action: allow, state: {counter: n, window: week}}", "state.window:"),
        (
            "{action: allow, state: {counter: n, window: day, increment_from: amount}}",
            "state.increment_from: must be as `args.amount`",
        ),
        ("{conditions: [{path: argz.x, op: eq}]}", "path: a path starts with one of"),
        ("{conditions: [{path: args, op: eq}]}", "path: 'args' is not a path"),
        ("{conditions: [{path: args..x, op: eq}]}", "path: 'args..x' is not a path"),
        ("{conditions: [{path: state.run.n, op: eq}]}", "no rule defines the counter 'run.n'"),
        ("{conditions: [{path: spend.money.day, op: lt, value: 1}]}", "a spend is"),
        ("{conditions: [{path: code.size, op: lt, value: 1}]}", "there is no 'code.size'"),
        ("{conditions: [{path: time.zone, op: eq}]}", "there is no 'time.zone'"),
        ("{conditions: [{path: grant.key, op: eq}]}", "there is no 'grant.key'"),
        ("{conditions: [{path: args.x, op: in, value: 1}]}", "value: operator 'in': the value"),
        ("{conditions: [{path: args.x, op: lt, value: '1'}]}", "must be a number"),
        (f"{{conditions: [{{path: args.x, op: lt, value: 1{'0' * 301}}}]}}", "too large"),
        ("{action: allow, state: {counter: 'a:b', window: day}}", "state.counter:"),
        ("{conditions: [{path: args.x, op: exists}]}", "must be true or false"),
        ("{conditions: [{path: args.x, op: regex, value: '(a'}]}", "'regex': missing )"),
        ("{conditions: [{path: args.x, op: regex, value: '(?=a)'}]}", "'regex': invalid perl"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(rule: str, says: str):
    assert says in rule_refusal(rule)


def test_the_same_window_twice_on_a_tool_is_an_error():
    message = refusal("""\
        version: "1"
        tools:
          run:
            rules:
              - rate_limit: 5/minute
              - rate_limit: {max: 10, window: 60}
        """)
    assert message.startswith("policy.yaml:6: tools.run.rules[1].rate_limit: the counter")


def test_a_counter_of_a_grant_may_not_have_the_name_of_one_of_the_file():
    assert "is also defined at tools.run.limits[0]" in refusal("""\
        version: "1"
        default: allow
        tools: {run: {limits: [{counter: n, window: day, max: 9}]}}
        grants: {ci: {tools: {run: {limits: [{counter: n, window: day, max: 5}]}}}}
        """)


def test_a_limit_is_of_one_thing():
    assert "a limit is of a `counter` or of a `spend`" in refusal(
        '{"version": "1", "default": "deny", "tools":'
        ' {"run": {"limits": [{"window": "day", "max": 5}]}}}'
    )


def test_only_a_file_in_the_form_of_intercept_may_leave_the_default_out():
    assert policy('version: "1"\ntools: {run: {rules: []}}').top.default_deny is False
    assert "default: say" in refusal('{"version": "1", "tools": {"run": {"limits": []}}}')
    assert "default: say" in refusal('version: "1"\ngrants: {}')


@pytest.mark.parametrize(
    ("sandbox", "says"),
    [
        ("{profile: loose}", "sandbox.profile: there is no profile 'loose'"),
        ("{limits: {memory_bytes: 1 MiB}}", "sandbox.limits.memory_bytes: 1,048,576 is outside"),
        ("{limits: {memory_bytes: much}}", "a size is a number of bytes"),
        ("{limits: {wall_seconds: soon}}", "a time is a number of seconds"),
        ("{packages: {allow: ['num[py']}}", "sandbox.packages.allow[0]"),
        ("{network: all}", "sandbox.network"),
        ("{interpreters: [cpython]}", "sandbox.interpreters[0]"),
    ],
)
def test_a_sandbox_that_can_not_be_is_refused(sandbox: str, says: str):
    assert says in refusal(f'version: "1"\ndefault: allow\nsandbox: {sandbox}')


def test_a_policy_is_known_by_the_digest_of_its_file():
    one, same, other = (parse_policy(text) for text in (b'version: "1"',) * 2 + (b"version: '1'",))
    assert one.digest == same.digest != other.digest
