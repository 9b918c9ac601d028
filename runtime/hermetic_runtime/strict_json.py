"""JSON from the other side, taken only as far as it can be written again."""

from __future__ import annotations

import json
import math
from typing import Any


def parse_json(source: str) -> Any:
    """Raises `ValueError` for NaN and infinities, however they are written, and for text
    that is not Unicode; `RecursionError` for what nests too deeply.
    """
    value = json.loads(source, parse_constant=_refuse, parse_float=_finite)
    if "\\ud" in source.lower():
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large")
    return number
