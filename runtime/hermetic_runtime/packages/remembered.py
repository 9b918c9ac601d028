"""Resolutions that are remembered, so that the next run asks nobody. Quick to import.

One file for each request, named by its key. A resolution is used until it is renewed:
`PackageSettings.refresh` renews one, and `max_age_seconds` all that are older.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, cast

from hermetic_runtime.cache import cache_directory, private_directory
from hermetic_runtime.packages.record_forms import are_texts, are_wheels, has, read_record, set_name

_LAST_TIME = 253_402_300_800
"""The year 10000."""


class Resolution(TypedDict):
    """`resolved_at` is seconds since the epoch; `interpreter` and `built_in` are the
    target's name and what of the request it has built in; `identity` is with which image
    it was resolved; `directory` is the name of a set, None when nothing is to be installed.
    """

    resolved_at: float
    interpreter: str
    identity: str
    built_in: dict[str, str]
    directory: str | None
    wheels: list[dict[str, Any]]
    reasons: list[str]


def resolutions_directory() -> Path:
    """Where they are kept."""
    return cache_directory() / "resolutions"


def recall(key: str) -> Resolution | None:
    """What a request came to, None if that is not known, or not of the form of one."""
    record = read_record(resolutions_directory() / f"{key}.json")
    return cast("Resolution", record) if record is not None and _is_resolution(record) else None


def _is_resolution(record: Mapping[str, Any]) -> bool:
    if not (
        has(record, resolved_at=int | float, interpreter=str, identity=str)
        and has(record, built_in=dict, wheels=list, reasons=list)
        and 0 <= record["resolved_at"] < _LAST_TIME
        and are_texts(record["built_in"])
        and are_texts(record["reasons"])
        and are_wheels(record["wheels"])
    ):
        return False
    wheels = record["wheels"]
    expected = set_name(record["identity"], wheels) if wheels else None
    return "directory" in record and record["directory"] == expected


def remember(key: str, resolution: Resolution) -> None:
    """Replaces what was known. Raises `OSError`."""
    import tempfile  # slow to import, and not needed to recall

    directory = private_directory(resolutions_directory())
    unfinished, temporary = tempfile.mkstemp(dir=directory)
    with os.fdopen(unfinished, "w") as file:
        json.dump(resolution, file)
    os.replace(temporary, directory / f"{key}.json")


def is_fresh(resolution: Resolution, max_age_seconds: float | None) -> bool:
    """Whether it is not older than that."""
    if max_age_seconds is None:
        return True
    return 0 <= time.time() - resolution["resolved_at"] <= max_age_seconds
