"""What a condition can ask about a call: its arguments, code, grant and time, by path.

Values are found when they are asked for, once for each call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final, cast

from hermetic.policy.code_facts import bytes_of, imports_of, requirements_of
from hermetic.policy.decisions import Call, CounterKey
from hermetic_runtime.limits import Limits

ABSENT: Final = object()
"""What is found where nothing is."""

CODE_FACTS = ("bytes", "imports", "requirements")
GRANT_FACTS = ("id", "name", "limits")
TIME_FACTS = ("year", "month", "day", "hour", "minute", "weekday", "date", "unix")
LIMIT_NAMES = tuple(field.name for field in fields(Limits))
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Facts:
    """One call at one time. `counters` hold the values of the keys that it needs."""

    __slots__ = ("_found", "call", "counters", "now")

    def __init__(self, call: Call, counters: Mapping[CounterKey, float], now: float) -> None:
        self.call = call
        self.counters = counters
        self.now = now
        self._found: dict[str, Any] = {}

    def code(self, fact: str) -> Any:
        """`bytes`, `imports` or `requirements`; ABSENT when there is no code."""
        found = self._found.get(fact, self)
        if found is self:
            found = self._found[fact] = _CODE[fact](self.call.arguments)
        return ABSENT if found is None else found

    def grant(self, names: tuple[str, ...]) -> Any:
        grant = self.call.grant
        if names[0] == "limits":
            value = getattr(grant.limits, names[1])
            return ABSENT if value is None else value
        return grant.id if names[0] == "id" else grant.name

    def time(self, fact: str) -> Any:
        """In UTC. ABSENT for a time that no calendar has."""
        if fact == "unix":
            return self.now
        moment = self._found.get("moment")
        if moment is None:
            try:
                moment = datetime.fromtimestamp(self.now, UTC)
            except (OverflowError, ValueError, OSError):
                return ABSENT
            self._found["moment"] = moment
        if fact == "weekday":
            return _WEEKDAYS[moment.weekday()]
        if fact == "date":
            return moment.date().isoformat()
        return getattr(moment, fact)

    def counter(self, key: CounterKey) -> float:
        return self.counters.get(key, 0.0)


_CODE: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "bytes": bytes_of,
    "imports": imports_of,
    "requirements": requirements_of,
}


def argument(arguments: Any, names: tuple[str, ...]) -> Any:
    """The value below `names`; ABSENT when there is none. A list is entered by number."""
    value = arguments
    for name in names:
        if isinstance(value, Mapping):
            value = cast("Mapping[str, Any]", value).get(name, ABSENT)
        elif isinstance(value, list) and name.isascii() and name.isdecimal() and len(name) < 10:
            items = cast("list[Any]", value)
            value = items[int(name)] if int(name) < len(items) else ABSENT
        else:
            return ABSENT
    return value
