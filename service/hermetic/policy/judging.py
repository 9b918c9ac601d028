"""The judgement: a pure function of policy, call, counters and time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hermetic.grants import Grant
from hermetic.policy.allowances import effective_allowance
from hermetic.policy.decisions import (
    Call,
    Considered,
    CounterKey,
    Decision,
    Reservation,
    Verdict,
)
from hermetic.policy.facts import ABSENT, Facts, argument
from hermetic.policy.operators import is_number
from hermetic.policy.rules import Counting, Policy, Rule, Section, window_start
from hermetic_runtime.limits import Limits

_MOST_AMOUNT = 1e15
_SHOWN_CHARACTERS = 100
_NAMES = {60: "minute", 3600: "hour", 86_400: "day"}


class _Refusal(NamedTuple):
    """Why a call does not pass a rule; `until` is when it may, in seconds since the epoch."""

    why: str
    until: float | None = None


def hidden_tools(policy: Policy, grant: Grant | None = None) -> frozenset[str]:
    """The names that vanish from the listings of a grant; `*` among them hides all."""
    hidden = policy.top.hide
    section = None if grant is None else policy.section_of(grant.id, grant.name)
    return hidden if section is None else hidden | section.hide


def is_hidden(policy: Policy, tool: str, grant: Grant | None = None) -> bool:
    """Whether a tool is left out of listings, for everybody or for this grant."""
    hidden = hidden_tools(policy, grant)
    return tool in hidden or "*" in hidden


def counters_needed(policy: Policy, call: Call, now: float) -> frozenset[CounterKey]:
    """The counters whose values `decide` looks at."""
    section = policy.section_of(call.grant.id, call.grant.name)
    plan = policy.plan(call.tool, section)
    return frozenset(counter.key(call.grant.id, now) for counter in plan.counters)


def decide(
    policy: Policy,
    call: Call,
    counters: Mapping[CounterKey, float],
    now: float,
    *,
    server: Limits | None = None,
    exhaustively: bool = False,
) -> Decision:
    """Never raises, and the same is always decided the same.

    `counters` that are missing are 0; `now` is in seconds since the epoch. The first rule
    that refuses decides, and no other is looked at unless `exhaustively`. `server` bounds
    the limits of every call.
    """
    section = policy.section_of(call.grant.id, call.grant.name)
    refused = _refused_unseen(policy, section, call)
    plan = policy.plan(call.tool, section)
    considered: list[Considered] = [] if refused is None else [refused]
    decisive, until = refused, None
    approval: Rule | None = None
    reservations: list[Reservation] = []
    if refused is None or exhaustively:
        facts = Facts(call, counters, now)
        for rule in plan.rules:
            if rule.passes is not None and rule.passes(facts):
                considered.append(rule.passed)
                continue
            refusal = _judge(rule, facts, reservations)
            if refusal is None:
                considered.append(rule.passed)
                continue
            considered.append(Considered(rule.label, False, refusal.why))
            if rule.action == "require_approval":
                approval = approval or rule
            elif decisive is None:
                decisive, until = considered[-1], refusal.until
                if not exhaustively:
                    break
    if decisive is not None:
        return _denial(policy, call, decisive, tuple(considered), until, now)
    allowance = effective_allowance(policy, call.tool, call.grant, server)
    spends = tuple((spend.name, spend.key(call.grant.id, now)) for spend in plan.spends)
    return Decision(
        verdict=Verdict.ALLOW if approval is None else Verdict.APPROVAL,
        rule=approval.label if approval else _allowing_rule(plan.rules, plan.sections, call.tool),
        reason=_approval_reason(call, approval) if approval else "every rule was passed",
        considered=tuple(considered),
        allowance=allowance,
        reservations=tuple(reservations),
        spends=spends,
        policy=policy.digest,
    )


def _refused_unseen(policy: Policy, section: Section | None, call: Call) -> Considered | None:
    """What needs no rule: grants without a policy, hidden tools and default deny."""
    if policy.grants is not None and section is None:
        return Considered("grants", False, "this grant has no policy, so all of it is refused")
    for part in (policy.top, section):
        if part is not None and (call.tool in part.hide or "*" in part.hide):
            return Considered(_under(part, "hide"), False, "the tool is hidden by policy")
    for part in (policy.top, section):
        if part is not None and part.default_deny and call.tool not in part.tools:
            why = "the tool is not listed, and policy denies by default"
            return Considered(_under(part, "default"), False, why)
    return None


def _judge(rule: Rule, facts: Facts, reservations: list[Reservation]) -> _Refusal | None:
    """None when the call passes; then what is to be reserved was added."""
    if rule.action != "evaluate":
        for condition in rule.conditions:
            if not condition.holds(facts):
                return None
        return _Refusal(rule.on_deny or _acting_reason(rule))
    for condition in rule.conditions:
        if not condition.holds(facts):
            until = None
            if condition.passes_with_time and condition.counter is not None:
                window = condition.counter.window
                until = window_start(facts.now, window) + window
            return _Refusal(rule.on_deny or f"policy asks for {condition.text}", until)
    if rule.required_args:
        missing = _missing(facts.call)
        if missing:
            return _Refusal(rule.on_deny or f"the arguments lack {', '.join(missing)}")
    if rule.spend is not None:
        counter, most = rule.spend.counter, rule.spend.most
        if facts.counter(counter.key(facts.call.grant.id, facts.now)) >= most:
            why = f"{most:,g} {counter.name.replace('_', ' ')} {_each(counter.window)} are used up"
            return _Refusal(
                rule.on_deny or why, window_start(facts.now, counter.window) + counter.window
            )
    if rule.counting is not None:
        return _count(rule, rule.counting, facts, reservations)
    return None


def _count(
    rule: Rule, counting: Counting, facts: Facts, reservations: list[Reservation]
) -> _Refusal | None:
    amount = _amount(counting, facts.call.arguments)
    if isinstance(amount, str):
        return _Refusal(amount)
    counter, most = counting.counter, counting.most
    key = counter.key(facts.call.grant.id, facts.now)
    if most is not None and facts.counter(key) + amount > most:
        if amount > most:
            why = f"it adds {amount:,g} to {counter.name}, which may never be more than {most:,g}"
            return _Refusal(rule.on_deny or why)
        unit = "calls" if counting.amount == 1 else f"of {counter.name}"
        why = f"at most {most:,g} {unit} {_each(counter.window)} are allowed"
        return _Refusal(rule.on_deny or why, key.start + counter.window)
    reservations.append(Reservation(key, amount, most, rule.label))
    return None


def _amount(counting: Counting, arguments: Mapping[str, Any]) -> float | str:
    """What the call adds, or why that can't be said."""
    if not isinstance(counting.amount, tuple):
        return counting.amount
    name = ".".join(("args", *counting.amount))
    value = argument(arguments, counting.amount)
    if value is ABSENT or not is_number(value):
        return f"{name} must be a number, since policy counts it"
    if not 0 <= value <= _MOST_AMOUNT or not math.isfinite(value):
        return f"{name} must be from 0 to {_MOST_AMOUNT:,.0f}, since policy counts it"
    return value


def _missing(call: Call) -> list[str]:
    return sorted(name for name in call.required if call.arguments.get(name) is None)


def _acting_reason(rule: Rule) -> str:
    what = "policy denies" if rule.action == "deny" else "a person has to approve"
    asked = " and ".join(condition.text for condition in rule.conditions)
    return f"{what} calls with {asked}" if asked else f"{what} every call of it"


def _each(window: int) -> str:
    name = _NAMES.get(window)
    return f"a {name}".replace("a hour", "an hour") if name else f"in {window:,} s"


def _under(section: Section, key: str) -> str:
    return f"{section.label}.{key}" if section.label else key


def _allowing_rule(rules: Sequence[Rule], sections: tuple[Section, ...], tool: str) -> str:
    """What let the call through: the last rule, or the place that lists the tool."""
    if rules:
        return rules[-1].label
    for section in reversed(sections):
        if tool in section.tools:
            return _under(section, f"tools.{tool}")
    return _under(sections[-1], "default")


def _approval_reason(call: Call, rule: Rule) -> str:
    text = _sentence(rule.on_deny or _acting_reason(rule))
    return f"The call of {_shown(call.tool)} needs an approval: {text} Rule: {rule.label}."


def _denial(
    policy: Policy,
    call: Call,
    decisive: Considered,
    considered: tuple[Considered, ...],
    until: float | None,
    now: float,
) -> Decision:
    retry = None if until is None or not math.isfinite(now) else max(until - now, 0.0)
    reason = (
        f"The call of {_shown(call.tool)} was refused: {_sentence(decisive.why)}"
        f" Rule: {decisive.rule}."
    )
    if retry is not None:
        reason += f" Try again in {math.ceil(retry):,} s."
    return Decision(
        verdict=Verdict.DENY,
        rule=decisive.rule,
        reason=reason,
        considered=considered,
        retry_after_seconds=retry,
        policy=policy.digest,
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _shown(name: str) -> str:
    text = repr(name)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
