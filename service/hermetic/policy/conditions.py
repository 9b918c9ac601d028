"""Conditions: a path to a fact, an operator, and a value."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable
from typing import Any

from hermetic.policy import document
from hermetic.policy.decisions import GLOBAL_TOOL
from hermetic.policy.facts import (
    ABSENT,
    CODE_FACTS,
    GRANT_FACTS,
    LIMIT_NAMES,
    TIME_FACTS,
    Facts,
    argument,
)
from hermetic.policy.faults import Fault
from hermetic.policy.operators import OPERATORS, make_test
from hermetic.policy.rules import Condition, Counter
from hermetic.policy.source_tree import Path, format_path
from hermetic.policy.spending import SPENDS

ROOTS = ("args", "state", "spend", "code", "grant", "time")
_SHOWN_CHARACTERS = 200

Find = Callable[[Facts], Any]


class CounterNames:
    """The counters that a level of a policy defines, and those of the level around it."""

    def __init__(self, around: CounterNames | None = None) -> None:
        self._places: dict[tuple[str, str, int], Path] = dict(around._places) if around else {}
        self._by_path: dict[str, list[Counter]] = (
            {path: list(counters) for path, counters in around._by_path.items()} if around else {}
        )

    def inside(self) -> CounterNames:
        """For a level within this one."""
        return CounterNames(self)

    def define(self, counter: Counter, place: Path) -> None:
        """Raises `Fault` when there is a counter of this name and window on the tool."""
        key = (counter.tool, counter.name, counter.window)
        if key in self._places:
            other = format_path(self._places[key])
            raise Fault(
                place,
                f"the counter {counter.name!r} with a window of {counter.window:,} s is also"
                f" defined at {other}",
            )
        self._places[key] = place
        self._by_path.setdefault(f"{counter.tool}.{counter.name}", []).append(counter)

    def find(self, path: str, place: Path) -> Counter:
        """The counter `<tool>.<name>`. Raises `Fault`."""
        found = self._by_path.get(path, [])
        if not found:
            raise Fault(place, f"no rule defines the counter {path!r}{_near(path, self._by_path)}")
        if len(found) > 1:
            raise Fault(place, f"there are {len(found)} counters {path!r}, of different windows")
        return found[0]


def compile_condition(stated: document.Condition, path: Path, names: CounterNames) -> Condition:
    """Raises `Fault`."""
    find, counter = _finder(stated.path, (*path, "path"), names)
    if stated.op not in OPERATORS:
        raise Fault(
            (*path, "op"),
            f"unknown operator {stated.op[:60]!r}{_near(stated.op, OPERATORS)}; there are"
            f" {', '.join(OPERATORS)}",
        )
    try:
        test = make_test(stated.op, stated.value)
    except ValueError as error:
        raise Fault((*path, "value"), f"operator {stated.op!r}: {error}") from error
    absent = stated.op == "exists" and stated.value is False

    def holds(facts: Facts) -> bool:
        value = find(facts)
        return absent if value is ABSENT else test(value)

    value = json.dumps(stated.value, ensure_ascii=False)
    if len(value) > _SHOWN_CHARACTERS:
        value = f"{value[:_SHOWN_CHARACTERS]}..."
    text = f"{stated.path} {stated.op} {value}"
    passes_with_time = counter is not None and (stated.op in ("lt", "lte", "eq") and test(0))
    return Condition(text, holds, counter, passes_with_time)


def _finder(text: str, path: Path, names: CounterNames) -> tuple[Find, Counter | None]:
    root, *rest = text.split(".")
    if root not in ROOTS:
        starts = ", ".join(f"`{name}.`" for name in ROOTS)
        raise Fault(path, f"a path starts with one of {starts}, not {text[:60]!r}")
    if not rest or not all(rest):
        raise Fault(path, f"{text[:60]!r} is not a path such as `args.code`")
    below = tuple(rest)
    match root:
        case "args":
            if len(below) == 1:
                name = below[0]
                return lambda facts: facts.call.arguments.get(name, ABSENT), None
            return lambda facts: argument(facts.call.arguments, below), None
        case "state":
            counter = names.find(".".join(below), path)
            return _reading(counter), counter
        case "spend":
            counter = _spend(below, path)
            return _reading(counter), counter
        case "code":
            _known(below, CODE_FACTS, path, "code")
            return lambda facts: facts.code(below[0]), None
        case "grant":
            _known(below[:1], GRANT_FACTS, path, "grant")
            if below[0] == "limits":
                _known(below[1:], LIMIT_NAMES, path, "grant.limits")
            elif len(below) > 1:
                raise Fault(path, f"there is nothing below `grant.{below[0]}`")
            return lambda facts: facts.grant(below), None
        case _:
            _known(below, TIME_FACTS, path, "time")
            return lambda facts: facts.time(below[0]), None


def _reading(counter: Counter) -> Find:
    return lambda facts: facts.counter(counter.key(facts.call.grant.id, facts.now))


def _spend(below: tuple[str, ...], path: Path) -> Counter:
    if len(below) != 2 or below[0] not in SPENDS or below[1] not in document.WINDOWS:
        raise Fault(
            path,
            f"a spend is `spend.<what>.<window>`: what is one of {', '.join(SPENDS)}, and window"
            f" one of {', '.join(document.WINDOWS)}",
        )
    return Counter(GLOBAL_TOOL, below[0], document.WINDOWS[below[1]], False, True)


def _known(given: tuple[str, ...], known: Iterable[str], path: Path, root: str) -> None:
    if len(given) != 1 or given[0] not in known:
        what = ".".join((root, *given))[:60]
        raise Fault(path, f"there is no {what!r}: {root} has {', '.join(known)}")


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name[:60], list(known)[:1000], 1)
    return f", did you mean {close[0]!r}?" if close else ""
