"""Whether an audit log is as it was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, cast

from hermetic.audit.log import FIRST_HASH, line_hash, segments
from hermetic.errors import StorageError


class Verified(NamedTuple):
    """`problem` says where the log differs from what was written, if it does.

    `records` were read up to there. `last_hash` is that of the last one, and `first` is its
    number of the first: more than 1 where older files were taken away.
    """

    records: int
    first: int
    last_hash: str
    found: bool
    problem: str | None = None


def verify(directory: Path, *, expected: str | None = None) -> Verified:
    """Read all of a log. `found` says whether `expected` is the hash of one of its records:
    the hash of the last record, noted elsewhere, shows later that nothing before it was
    changed and that the end was not cut off.

    Raises `StorageError` when the log can't be read.
    """
    count, first, previous, found = 0, 1, FIRST_HASH, expected in (None, FIRST_HASH)
    for path in segments(directory):
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    place = f"{path.name}:{number}"
                    problem = None
                    record = _record(line)
                    if record is None:
                        problem = f"{place}: this is no record"
                    elif count == 0:
                        first = record["sequence"]
                        previous = record["previous"] if first > 1 else FIRST_HASH
                    if record is not None:
                        problem = problem or _difference(record, place, first + count, previous)
                    if problem:
                        return Verified(count, first, previous, found, problem)
                    count += 1
                    previous = line_hash(line[:-1])
                    found = found or previous == expected
        except OSError as error:
            raise StorageError(f"the audit log {path} can't be read: {error.strerror}") from error
    return Verified(count, first, previous, found)


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not line.endswith(b"\n") or not isinstance(record, dict):
        return None
    fields = cast("dict[str, Any]", record)
    sequence, previous = fields.get("sequence"), fields.get("previous")
    if type(sequence) is not int or sequence < 1 or not isinstance(previous, str):
        return None
    return fields


def _difference(record: dict[str, Any], place: str, sequence: int, previous: str) -> str | None:
    if record["sequence"] != sequence:
        return f"{place}: this is record {record['sequence']}, and {sequence} was to follow"
    if record["previous"] != previous:
        return f"{place}: the record before this one is not the one that was written"
    return None
