"""The operators of conditions, over JSON values. Each is made once, for the value it compares to.

Values are compared as JSON: 1 is 1.0, but true is not 1, and "1" is not 1. A list on the
left of `in` and `not_in` is looked at element by element.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from hermetic.policy.patterns import compile_pattern

Test = Callable[[Any], bool]

_MOST_DEPTH = 64
_MOST_NUMBER = 1e300


def same(one: Any, other: Any, depth: int = _MOST_DEPTH) -> bool:
    """Equality of JSON values; what is nested deeper than `depth` is not equal."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)):
        return isinstance(other, (int, float)) and one == other
    if isinstance(one, str) or one is None:
        return type(one) is type(other) and one == other
    if depth == 0:
        return False
    if isinstance(one, list) and isinstance(other, list):
        ours, theirs = cast("list[Any]", one), cast("list[Any]", other)
        return len(ours) == len(theirs) and all(
            same(left, right, depth - 1) for left, right in zip(ours, theirs, strict=True)
        )
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        mine, yours = cast("Mapping[str, Any]", one), cast("Mapping[str, Any]", other)
        return mine.keys() == yours.keys() and all(
            same(value, yours[key], depth - 1) for key, value in mine.items()
        )
    return False


def is_number(value: object) -> bool:
    """A number of JSON; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def make_test(op: str, value: Any) -> Test:
    """Raises `ValueError`, with what is wrong with the value, and `KeyError` for no operator."""
    return _MAKERS[op](value)


def _eq(value: Any) -> Test:
    return lambda found: same(found, value)


def _neq(value: Any) -> Test:
    return lambda found: not same(found, value)


def _membership(value: Any) -> Test:
    if not isinstance(value, list):
        raise ValueError("the value must be a list")
    listed = cast("list[Any]", value)
    texts = frozenset(item for item in listed if isinstance(item, str))
    others = [item for item in listed if not isinstance(item, str)]

    def among(found: Any) -> bool:
        if isinstance(found, str):
            return found in texts
        return bool(others) and any(same(found, item) for item in others)

    return among


def _in(value: Any) -> Test:
    among = _membership(value)

    def test(found: Any) -> bool:
        if among(found):
            return True
        return isinstance(found, list) and all(map(among, cast("list[Any]", found)))

    return test


def _not_in(value: Any) -> Test:
    among = _membership(value)

    def test(found: Any) -> bool:
        if isinstance(found, list):
            for item in cast("list[Any]", found):
                if among(item):
                    return False
        return not among(cast("Any", found))

    return test


def _number(value: Any) -> float:
    if not is_number(value):
        raise ValueError("the value must be a number")
    if not abs(value) <= _MOST_NUMBER:
        raise ValueError("the number is too large")
    return value


def _lt(value: Any) -> Test:
    bound = _number(value)
    return lambda found: is_number(found) and found < bound


def _lte(value: Any) -> Test:
    bound = _number(value)
    return lambda found: is_number(found) and found <= bound


def _gt(value: Any) -> Test:
    bound = _number(value)
    return lambda found: is_number(found) and found > bound


def _gte(value: Any) -> Test:
    bound = _number(value)
    return lambda found: is_number(found) and found >= bound


def _regex(value: Any) -> Test:
    if not isinstance(value, str):
        raise ValueError("the value must be a text, a regular expression of RE2's")
    found_in = compile_pattern(value)
    return lambda found: isinstance(found, str) and found_in(found)


def _contains(value: Any) -> Test:
    is_text = isinstance(value, str)

    def test(found: Any) -> bool:
        if isinstance(found, str):
            return is_text and value in found
        if isinstance(found, list):
            items = cast("list[Any]", found)
            return value in items if is_text else any(same(item, value) for item in items)
        return False

    return test


def _exists(value: Any) -> Test:
    if not isinstance(value, bool):
        raise ValueError("the value must be true or false")
    return lambda found: (found is not None) is value


_MAKERS: dict[str, Callable[[Any], Test]] = {
    "eq": _eq,
    "neq": _neq,
    "in": _in,
    "not_in": _not_in,
    "lt": _lt,
    "lte": _lte,
    "gt": _gt,
    "gte": _gte,
    "regex": _regex,
    "contains": _contains,
    "exists": _exists,
}

OPERATORS = tuple(_MAKERS)
