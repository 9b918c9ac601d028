"""Rules as they are judged: the internal form that every policy format becomes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from hermetic.policy.decisions import Considered, CounterKey
from hermetic.policy.document import Sandbox
from hermetic.policy.facts import Facts
from hermetic.policy.spending import spend_key

Action = Literal["evaluate", "deny", "require_approval"]


class Counter(NamedTuple):
    """A counter of a policy, before it is known for whom and when.

    `window` in seconds. A `shared` one is the same for all grants; a `spend` is added to
    after runs.
    """

    tool: str
    name: str
    window: int
    shared: bool = False
    spend: bool = False

    def key(self, grant: str, now: float) -> CounterKey:
        start = window_start(now, self.window)
        owner = "" if self.shared else grant
        if self.spend:
            return spend_key(owner, self.tool, self.name, self.window, start)
        return CounterKey(owner, self.tool, self.name, self.window, start)


def window_start(now: float, window: int) -> int:
    """When the window of `now` began; 0 for a time that is no number."""
    return int(now // window) * window if math.isfinite(now) else 0


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """`text` shows it. `counter` is what it reads, if it reads one.

    `passes_with_time`: it may hold in the next window, when the counter is 0 again.
    """

    text: str
    holds: Callable[[Facts], bool]
    counter: Counter | None = None
    passes_with_time: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Counting:
    """What a call adds to a counter, and what may not be passed by it.

    `amount` is a number, or the names that lead to an argument. `most` None is no bound.
    """

    counter: Counter
    amount: float | tuple[str, ...] = 1
    most: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SpendBound:
    """What runs used up must be below `most` before the call."""

    counter: Counter
    most: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rule:
    """`label` is where it stands in the file, and its name.

    An `evaluate` rule refuses unless all that it asks holds; the others act when all of
    their conditions hold.
    """

    label: str
    action: Action = "evaluate"
    conditions: tuple[Condition, ...] = ()
    required_args: bool = False
    counting: Counting | None = None
    spend: SpendBound | None = None
    on_deny: str | None = None
    passed: Considered
    passes: Callable[[Facts], bool] | None = None
    """Where a rule asks for one condition and nothing else: whether that holds."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Section:
    """A level of a policy: the file itself, or one of its grants.

    `tools` are those that are listed, `every` is for all tools. `label` is its path.
    """

    label: str
    default_deny: bool
    hide: frozenset[str]
    tools: Mapping[str, tuple[Rule, ...]]
    every: tuple[Rule, ...]
    sandbox: Sandbox | None
    tool_sandboxes: Mapping[str, Sandbox]


class Plan(NamedTuple):
    """All that is judged for one tool and one grant, in order."""

    sections: tuple[Section, ...]
    rules: tuple[Rule, ...]
    counters: frozenset[Counter]
    spends: tuple[Counter, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Policy:
    """A policy that was loaded. It never changes, and any thread may use it.

    `grants` None: the file does not tell grants apart. `digest` is of the file's bytes.
    """

    name: str
    digest: str
    description: str
    top: Section
    grants: Mapping[str, Section] | None
    profiles: Mapping[str, Sandbox]
    document: Any = None
    _plans: dict[tuple[str, str], Plan] = field(default_factory=dict[tuple[str, str], Plan])

    def section_of(self, grant: str, name: str) -> Section | None:
        """That of a grant: by its id, its name, or for all others `*`."""
        if self.grants is None:
            return None
        return self.grants.get(grant) or self.grants.get(name) or self.grants.get("*")

    def plan(self, tool: str, section: Section | None) -> Plan:
        """Made once for each tool that is listed."""
        sections = (self.top,) if section is None else (self.top, section)
        listed = any(tool in part.tools for part in sections)
        key = (tool if listed else "", "" if section is None else section.label)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _make_plan(sections, tool if listed else "")
        return plan


def _make_plan(sections: tuple[Section, ...], tool: str) -> Plan:
    rules = [rule for section in sections for rule in section.tools.get(tool, ())]
    rules += [rule for section in sections for rule in section.every]
    anywhere = [
        rule
        for section in sections
        for group in (*section.tools.values(), section.every)
        for rule in group
    ]
    shared_spends = {
        counter
        for rule in anywhere
        for counter in counters_of(rule)
        if counter.spend and counter.tool != tool
    }
    own = {counter for rule in rules for counter in counters_of(rule)}
    spends = {counter for counter in own if counter.spend} | {
        counter for counter in shared_spends if counter.tool == "_global"
    }
    return Plan(sections, tuple(rules), frozenset(own), tuple(sorted(spends)))


def counters_of(rule: Rule) -> list[Counter]:
    """Those that it reads or adds to."""
    found = [condition.counter for condition in rule.conditions if condition.counter is not None]
    if rule.counting is not None:
        found.append(rule.counting.counter)
    if rule.spend is not None:
        found.append(rule.spend.counter)
    return found
