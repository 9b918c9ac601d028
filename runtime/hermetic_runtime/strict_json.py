"""JSON from the other side, taken only as far as it can be written again."""

from __future__ import annotations

import json
import math
from typing import Any, cast

NESTING_MAX = 200
"""Lists and objects in one another. Whoever copies or writes a value does it recursively, on
a stack that others have used before."""


def parse_json(source: str) -> Any:
    """Raises `ValueError` for NaN and infinities, however they are written, and for text
    that is not Unicode; `RecursionError` for what nests deeper than `NESTING_MAX`.
    """
    value = json.loads(source, parse_constant=_refuse, parse_float=_finite)
    _check_nesting(value)
    if "\\ud" in source.lower():
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _check_nesting(value: Any) -> None:
    level = [value]
    for _ in range(NESTING_MAX):
        level = [
            inner for outer in level for inner in _contents(outer) if isinstance(inner, list | dict)
        ]
        if not level:
            return
    raise RecursionError(f"JSON that nests deeper than {NESTING_MAX} levels")


def _contents(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(cast("dict[str, object]", value).values())
    return cast("list[object]", value) if isinstance(value, list) else []


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large")
    return number
