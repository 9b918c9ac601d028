"""What the cache's records of packages must look like to be believed. Quick to import.

A record is written by us and may come back damaged. One that is not of its form counts as not
there, so that what it told of is made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from types import UnionType
from typing import Any, cast

_WHEEL_TEXTS = ("name", "version", "file", "sha256", "location")


def read_record(path: Path) -> dict[str, Any] | None:
    """A JSON object, None for a file that is missing or holds anything else."""
    try:
        record: object = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", record) if isinstance(record, dict) else None


def has(record: Mapping[str, Any], **kinds: type | UnionType) -> bool:
    """Whether all of these fields are there, each of its type."""
    return all(isinstance(record.get(name), kind) for name, kind in kinds.items())


def are_texts(values: object) -> bool:
    """Whether it is a list of texts, or an object of texts by name."""
    if isinstance(values, dict):
        values = list(cast("dict[str, object]", values).values())
    return isinstance(values, list) and all(
        isinstance(each, str) for each in cast("list[object]", values)
    )


def are_wheels(values: object) -> bool:
    """Whether it is what `Lock.to_json` gives."""
    return isinstance(values, list) and all(
        _is_wheel(each) for each in cast("list[object]", values)
    )


def _is_wheel(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    wheel = cast("dict[str, Any]", value)
    return (
        has(wheel, **dict.fromkeys(_WHEEL_TEXTS, str), requested_by=list)
        and are_texts(wheel["requested_by"])
        and isinstance(wheel.get("size_bytes"), int | None)
        and len(wheel) == len(_WHEEL_TEXTS) + 2
    )


def set_name(identity: str, wheels: Iterable[Mapping[str, Any]]) -> str:
    """Of the package set that these wheels make for the interpreter `identity`.

    Where wheels come from, and what asked for them, does not count.
    """
    chosen = [[wheel[name] for name in _WHEEL_TEXTS[:4]] for wheel in wheels]
    digest = sha256(json.dumps([identity, chosen]).encode()).hexdigest()
    return f"{identity}-{digest[:20]}"
