"""What holds for every policy, every call and every text."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermetic.errors import PolicyDenied, PolicyError
from hermetic.grants import Grant
from hermetic.policy.allowances import effective_allowance, narrow
from hermetic.policy.decisions import Allowance, Call, CounterKey
from hermetic.policy.judging import counters_needed, decide
from hermetic.policy.loading import parse_policy
from hermetic.policy.operators import OPERATORS
from hermetic.policy.rules import Policy
from hermetic_runtime.limits import RANGES, Limits

QUICKLY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
GRANT = Grant("aa", "ci")
NAMES = st.sampled_from(["a", "b", "code", "requirements", "amount"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["a", "b", "import os", "def (", 10**400, 1, 0.5]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
ARGUMENTS = st.dictionaries(NAMES | st.text(max_size=5), VALUES, max_size=5)
PATHS = st.sampled_from(
    [
        "args.a",
        "args.a.b",
        "args.a.0",
        "args.code",
        "state.run.n",
        "spend.runs.day",
        "code.bytes",
        "code.imports",
        "code.requirements",
        "grant.name",
        "grant.limits.fuel",
        "time.hour",
        "time.weekday",
        "time.unix",
    ]
)
FINITE = st.floats(-1e9, 1e9) | st.integers(-(10**9), 10**9)


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    op = draw(st.sampled_from(OPERATORS))
    if op in ("lt", "lte", "gt", "gte"):
        value: Any = draw(FINITE)
    elif op in ("in", "not_in"):
        value = draw(st.lists(st.sampled_from(["a", "os", 1, True, None, ["a"]]), max_size=4))
    elif op == "exists":
        value = draw(st.booleans())
    elif op == "regex":
        value = draw(st.sampled_from(["^a", "(a|b)*c", "import +os", ""]))
    else:
        value = draw(st.sampled_from(["a", 1, 0.5, True, None, ["os"], {"a": 1}]))
    return {"path": draw(PATHS), "op": op, "value": value}


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    action = draw(st.sampled_from(["evaluate", "allow", "deny", "require_approval"]))
    asked = draw(st.lists(conditions(), min_size=action == "evaluate", max_size=3))
    return {"action": action, "conditions": asked}


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    counter = {"counter": "n", "window": draw(st.sampled_from(["minute", "day"]))}
    if draw(st.booleans()):
        counter["increment_from"] = draw(st.sampled_from(["args.amount", "args.a.b"]))
    own = [{"path": "state.run.n", "op": "lte", "value": draw(FINITE)}]
    counting = {"conditions": draw(st.sampled_from([[], own])), "action": "allow"}
    document = {
        "version": "1",
        "default": draw(st.sampled_from(["allow", "deny"])),
        "hide": draw(st.lists(st.sampled_from(["x", "*"]), max_size=1)),
        "tools": {
            "run": {
                "rules": [counting | {"state": counter}, *draw(st.lists(rules(), max_size=4))],
                "require": draw(st.lists(conditions(), max_size=2)),
                "deny_if": draw(st.lists(conditions(), max_size=2)),
            },
            "*": {"rules": [{"rate_limit": f"{draw(st.integers(1, 5))}/hour"}]},
        },
    }
    if draw(st.booleans()):
        document["grants"] = {draw(st.sampled_from(["ci", "other", "*"])): {"default": "allow"}}
    return parse_policy(json.dumps(document).encode())


@QUICKLY
@given(policies(), st.sampled_from(["run", "x", "y"]), ARGUMENTS, st.data())
def test_a_decision_never_raises_and_is_always_the_same(
    policy: Policy, tool: str, arguments: dict[str, Any], data: st.DataObject
):
    now = data.draw(st.floats(0, 4e9) | st.floats())
    call = Call(tool=tool, arguments=arguments, grant=GRANT, required=frozenset({"code"}))
    keys = sorted(counters_needed(policy, call, now))
    counters: dict[CounterKey, float] = {key: data.draw(st.floats(0, 10)) for key in keys}
    decision = decide(policy, call, counters, now)
    assert repr(decide(policy, call, counters, now)) == repr(decision)
    assert {reservation.key for reservation in decision.reservations} <= set(keys)
    exhaustive = decide(policy, call, counters, now, exhaustively=True)
    assert (exhaustive.verdict, exhaustive.rule) == (decision.verdict, decision.rule)
    if decision.retry_after_seconds is not None:
        assert 0 <= decision.retry_after_seconds <= 86_400 or not math.isfinite(now)


@QUICKLY
@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_are_a_policy_or_an_error_of_ours(data: bytes):
    with contextlib.suppress(PolicyError):
        parse_policy(data)


@QUICKLY
@given(st.data())
def test_a_policy_that_was_damaged_is_a_policy_or_an_error_of_ours(data: st.DataObject):
    text = (
        'version: "1"\ndefault: deny\nhide: [a]\ntools:\n  run:\n    rules:\n'
        "      - conditions: [{path: args.x, op: lt, value: 1}]\n      - rate_limit: 5/hour\n"
        "    sandbox: {limits: {wall_seconds: 5 s}, packages: {allow: [numpy]}}\n"
        "grants: {ci: {}}\n"
    )
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 10)))
    damaged = (
        text[:start] + data.draw(st.text("{}[]:,-\"'&*!|>%@`#\n\t 1az", max_size=6)) + text[end:]
    )
    with contextlib.suppress(PolicyError):
        parse_policy(damaged.encode())


def limit_values(name: str) -> st.SearchStrategy[Any]:
    low, high = RANGES[name]
    if name.endswith("_seconds"):
        return st.floats(low, high)
    return st.integers(int(low), int(high))


LIMIT_SETS = st.fixed_dictionaries({}, optional={name: limit_values(name) for name in RANGES})
GLOBS = st.lists(st.sampled_from(["*", "a*", "*a", "numpy", "num*", "n*y", "pandas"]), max_size=3)


@st.composite
def sandboxes(draw: st.DrawFn) -> dict[str, Any]:
    sandbox: dict[str, Any] = {"limits": draw(LIMIT_SETS)}
    if draw(st.booleans()):
        sandbox["packages"] = {"allow": draw(GLOBS), "deny": draw(GLOBS)}
    if draw(st.booleans()):
        sandbox["profile"] = draw(st.sampled_from(["strict", "restrictive", "permissive"]))
    return sandbox


def allowed(layers: list[dict[str, Any]], limits: Limits) -> Allowance:
    top, tool, of_grant = [*layers, {}, {}, {}][:3]
    document = {
        "version": "1",
        "default": "allow",
        "sandbox": top,
        "tools": {"run": {"sandbox": tool}},
        "grants": {"ci": {"sandbox": of_grant}},
    }
    policy = parse_policy(json.dumps(document).encode())
    return effective_allowance(policy, "run", Grant("aa", "ci", limits))


def names_allowed(allowance: Allowance) -> set[str]:
    rules = allowance.packages
    names = ("numpy", "numba", "pandas", "a", "aa", "ba", "ny")
    return {
        name
        for name in names
        if any(fnmatchcase(name, glob) for glob in rules.allow)
        and not any(fnmatchcase(name, glob) for glob in rules.deny)
    }


@QUICKLY
@given(st.lists(sandboxes(), min_size=1, max_size=3), LIMIT_SETS)
def test_a_further_layer_never_widens(layers: list[dict[str, Any]], of_grant: dict[str, Any]):
    wide, narrower = (allowed(given, Limits(**of_grant)) for given in (layers[:-1], layers))
    for name in RANGES:
        before, after = getattr(wide.limits, name), getattr(narrower.limits, name)
        assert before is None or after <= before
    assert names_allowed(narrower) <= names_allowed(wide)
    assert set(narrower.caps) >= {name for name in RANGES if name != "fuel"}


@QUICKLY
@given(sandboxes(), LIMIT_SETS)
def test_a_request_gets_no_more_than_is_allowed(sandbox: dict[str, Any], asked: dict[str, Any]):
    allowance = allowed([sandbox], Limits())
    most = {name: getattr(allowance.limits, name) for name in RANGES}
    if any(most[name] is not None and value > most[name] for name, value in asked.items()):
        with pytest.raises(PolicyDenied) as refused:
            narrow(allowance, asked)
        assert refused.value.rule in allowance.caps.values()
    else:
        assert narrow(allowance, asked) == replace(allowance.limits, **asked)
