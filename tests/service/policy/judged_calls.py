"""How the tests write policies, and calls that are judged by them."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent
from typing import Any

from hermetic.grants import Grant
from hermetic.policy.decisions import Call, CounterKey, Decision, Verdict
from hermetic.policy.judging import counters_needed, decide
from hermetic.policy.loading import parse_policy
from hermetic.policy.rules import Policy

NOON = 1_795_262_400.0
"""2026-11-21 12:00:00 UTC, a Saturday."""

CI = Grant("0123456789ab", "ci")


def policy(text: str) -> Policy:
    return parse_policy(dedent(text).encode(), "policy.yaml")


def tool_policy(rules: str, *, tool: str = "run") -> Policy:
    """A policy of one tool, with `rules` as YAML below its name."""
    body = "\n".join(f"    {line}" for line in dedent(rules).strip().splitlines())
    return parse_policy(f'version: "1"\ndefault: deny\ntools:\n  {tool}:\n{body}\n'.encode())


def call(tool: str = "run", grant: Grant = CI, **arguments: Any) -> Call:
    return Call(tool=tool, arguments=arguments, grant=grant, required=frozenset({"code"}))


def judge(
    policy: Policy, call: Call, used: Mapping[str, float] | None = None, now: float = NOON
) -> Decision:
    """Judged with counters by their names: those that are not in `used` are 0."""
    used = used or {}
    needed = counters_needed(policy, call, now)
    counters: dict[CounterKey, float] = {key: used.get(key.name, 0) for key in needed}
    return decide(policy, call, counters, now)


def allows(policy: Policy, call: Call, **options: Any) -> bool:
    return judge(policy, call, **options).verdict is Verdict.ALLOW
