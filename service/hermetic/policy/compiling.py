"""From the shape of a policy file to the rules that are judged, and what must hold between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NoReturn

from hermetic.policy import document
from hermetic.policy.conditions import CounterNames, compile_condition
from hermetic.policy.decisions import GLOBAL_TOOL, Considered
from hermetic.policy.faults import Fault
from hermetic.policy.profiles import checked_sandbox
from hermetic.policy.rules import Action, Condition, Counter, Counting, Rule, Section, SpendBound
from hermetic.policy.source_tree import Path, format_path

_WINDOW_NAMES = {seconds: name for name, seconds in document.WINDOWS.items()}
_PASSED = "passed"


def compile_section(
    part: document.PolicyDocument | document.GrantPart,
    path: Path,
    around: CounterNames,
    profiles: Mapping[str, object],
) -> tuple[Section, CounterNames]:
    """A level of a policy, and the counters that it and the one around it define.

    Raises `Fault`.
    """
    _check_hide(part.hide, (*path, "hide"))
    if GLOBAL_TOOL in part.tools:
        raise Fault((*path, "tools", GLOBAL_TOOL), 'for all tools write "*"')
    names = around.inside()
    for tool, rules in part.tools.items():
        _define(names, tool, rules, (*path, "tools", tool), inner=bool(path))
    _define_limits(names, GLOBAL_TOOL, part.all_tools.limits, (*path, "all_tools", "limits"))
    compiled = {
        tool: _compile_tool(names, tool, rules, (*path, "tools", tool), inner=bool(path))
        for tool, rules in part.tools.items()
    }
    every = compiled.pop("*", ()) + _compile_limits(
        GLOBAL_TOOL, part.all_tools.limits, (*path, "all_tools", "limits")
    )
    sandboxes = {
        tool: checked_sandbox(rules.sandbox, (*path, "tools", tool, "sandbox"), profiles)
        for tool, rules in part.tools.items()
        if rules.sandbox is not None
    }
    sandbox = part.sandbox
    if sandbox is not None:
        checked_sandbox(sandbox, (*path, "sandbox"), profiles)
    section = Section(
        label=format_path(path),
        default_deny=part.default == "deny",
        hide=frozenset(part.hide),
        tools=compiled,
        every=every,
        sandbox=sandbox,
        tool_sandboxes=sandboxes,
    )
    return section, names


def _check_hide(hide: Sequence[str], path: Path) -> None:
    seen: set[str] = set()
    for number, name in enumerate(hide):
        if name in seen:
            raise Fault((*path, number), f"{name!r} is there twice")
        if not name.strip():
            raise Fault((*path, number), "the name of a tool must not be blank")
        seen.add(name)


def _scope(tool: str) -> str:
    return GLOBAL_TOOL if tool == "*" else tool


def _define(
    names: CounterNames, tool: str, part: document.Tool, path: Path, *, inner: bool
) -> None:
    for number, rule in enumerate(part.rules):
        where = (*path, "rules", number)
        if rule.rate_limit is not None:
            names.define(_rate_counter(tool, rule, inner), (*where, "rate_limit"))
        elif rule.state is not None:
            names.define(_state_counter(tool, rule.state), (*where, "state"))
    _define_limits(names, _scope(tool), part.limits, (*path, "limits"))


def _define_limits(
    names: CounterNames, tool: str, limits: Sequence[document.Limit], path: Path
) -> None:
    for number, limit in enumerate(limits):
        if limit.counter is not None:
            names.define(_limit_counter(tool, limit), (*path, number))


def _rate_counter(tool: str, rule: document.Rule, inner: bool) -> Counter:
    assert rule.rate_limit is not None
    window = rule.rate_limit.window
    name = _WINDOW_NAMES.get(window, f"{window}s")
    prefix = "_grant_rate_" if inner else "_rate_"
    return Counter(_scope(tool), f"{prefix}{name}", window, rule.scope == "global")


def _state_counter(tool: str, state: document.State) -> Counter:
    window = document.WINDOWS[state.window]
    return Counter(_scope(tool), state.counter, window, state.scope == "global")


def _limit_counter(tool: str, limit: document.Limit) -> Counter:
    window = document.WINDOWS[limit.window]
    name = limit.counter or limit.spend or ""
    return Counter(tool, name, window, limit.scope == "global", limit.spend is not None)


def _compile_tool(
    names: CounterNames, tool: str, part: document.Tool, path: Path, *, inner: bool
) -> tuple[Rule, ...]:
    """Denials come before what is required, and quotas last: they cost the most to judge."""
    rules = [
        _compile_rule(names, tool, rule, (*path, "rules", number), inner)
        for number, rule in enumerate(part.rules)
    ]
    groups: tuple[tuple[str, Action, list[document.Requirement]], ...] = (
        ("deny_if", "deny", part.deny_if),
        ("require", "evaluate", part.require),
    )
    for key, action, asked in groups:
        for number, requirement in enumerate(asked):
            where = (*path, key, number)
            rules.append(
                _rule(
                    where,
                    requirement.name,
                    action=action,
                    conditions=_asked(names, requirement, where),
                    on_deny=requirement.on_deny or requirement.message or requirement.reason,
                )
            )
    return (*rules, *_compile_limits(_scope(tool), part.limits, (*path, "limits")))


def _rule(
    path: Path,
    name: str | None,
    *,
    action: Action = "evaluate",
    conditions: tuple[Condition, ...] = (),
    required_args: bool = False,
    counting: Counting | None = None,
    spend: SpendBound | None = None,
    on_deny: str | None = None,
) -> Rule:
    label = format_path(path) + (f" ({name})" if name else "")
    alone = not required_args and counting is None and spend is None and len(conditions) == 1
    return Rule(
        label=label,
        action=action,
        conditions=conditions,
        required_args=required_args,
        counting=counting,
        spend=spend,
        on_deny=on_deny,
        passed=Considered(label, True, _PASSED),
        passes=conditions[0].holds if alone and action == "evaluate" else None,
    )


def _asked(
    names: CounterNames, requirement: document.Requirement, path: Path
) -> tuple[Condition, ...]:
    if requirement.conditions is not None:
        if requirement.path is not None or requirement.op is not None:
            raise Fault(path, "give either `path`, `op` and `value`, or `conditions`")
        conditions = enumerate(requirement.conditions)
        return tuple(
            compile_condition(condition, (*path, "conditions", number), names)
            for number, condition in conditions
        )
    if requirement.path is None or requirement.op is None:
        raise Fault(path, "a condition has a `path`, an `op` and a `value`")
    single = document.Condition(path=requirement.path, op=requirement.op, value=requirement.value)
    return (compile_condition(single, path, names),)


def _compile_limits(tool: str, limits: Sequence[document.Limit], path: Path) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for number, limit in enumerate(limits):
        where = (*path, number)
        if (limit.counter is None) == (limit.spend is None):
            raise Fault(where, "a limit is of a `counter` or of a `spend`, one of them")
        counter = _limit_counter(tool, limit)
        rules.append(
            _rule(
                where,
                limit.counter or limit.spend,
                spend=SpendBound(counter, limit.max) if limit.spend is not None else None,
                counting=Counting(counter, 1, limit.max) if limit.counter is not None else None,
                on_deny=limit.on_deny,
            )
        )
    return tuple(rules)


def _compile_rule(
    names: CounterNames, tool: str, rule: document.Rule, path: Path, inner: bool
) -> Rule:
    required = rule.validation is not None and rule.validation.required_args
    _check_combination(rule, required, path)
    counting: Counting | None = None
    conditions = [
        compile_condition(condition, (*path, "conditions", number), names)
        for number, condition in enumerate(rule.conditions)
    ]
    if rule.rate_limit is not None:
        counting = Counting(_rate_counter(tool, rule, inner), 1, rule.rate_limit.max)
    elif rule.state is not None:
        counting, conditions = _stateful(tool, rule, rule.state, conditions, path)
    return _rule(
        path,
        rule.name,
        action="evaluate" if rule.action == "allow" else rule.action,
        conditions=tuple(conditions),
        required_args=required,
        counting=counting,
        on_deny=rule.on_deny,
    )


def _check_combination(rule: document.Rule, required: bool, path: Path) -> None:
    def refuse(key: str, what: str) -> NoReturn:
        raise Fault((*path, key), what)

    if rule.rate_limit is not None:
        if rule.conditions or rule.state is not None:
            refuse("rate_limit", "can't be joined with `conditions` or `state`: use two rules")
        if rule.action in ("deny", "require_approval"):
            refuse("rate_limit", f"can't be joined with the action {rule.action!r}")
    if rule.scope is not None and rule.rate_limit is None:
        refuse("scope", "belongs to a `rate_limit`; a `state` has its own")
    if rule.action in ("deny", "require_approval"):
        if rule.state is not None:
            refuse("state", f"can't be joined with the action {rule.action!r}")
        if rule.validation is not None:
            refuse("validate", f"can't be joined with the action {rule.action!r}")
    asks = rule.conditions or rule.rate_limit is not None or required
    if rule.action == "evaluate" and not asks:
        raise Fault(path, "a rule that evaluates needs `conditions`, a `rate_limit` or `validate`")


def _stateful(
    tool: str,
    rule: document.Rule,
    state: document.State,
    conditions: list[Condition],
    path: Path,
) -> tuple[Counting, list[Condition]]:
    """The conditions `lt` and `lte` on the rule's own counter are bounds of what it counts."""
    counter = _state_counter(tool, state)
    own = f"state.{counter.tool}.{counter.name}"
    most: float | None = None
    others: list[Condition] = []
    for stated, compiled in zip(rule.conditions, conditions, strict=True):
        if stated.path != own or stated.op not in ("lt", "lte"):
            others.append(compiled)
            continue
        bound = stated.value if stated.op == "lte" else math.nextafter(stated.value, -math.inf)
        most = bound if most is None else min(most, bound)
    amount: float | tuple[str, ...] = state.increment
    if state.increment_from is not None:
        names = tuple(state.increment_from.split("."))
        if len(names) < 2 or names[0] != "args" or not all(names):
            raise Fault((*path, "state", "increment_from"), "must be as `args.amount`")
        amount = names[1:]
    return Counting(counter, amount, most), others
