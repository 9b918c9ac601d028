"""Conditions that a request puts on a file (RFC 9110, section 13)."""

from __future__ import annotations

import os
from email.utils import formatdate, parsedate_to_datetime

from starlette.datastructures import Headers

from hermetic.http.problems import PreconditionFailed

_READ_AGAIN = "Read the file again, and name the one that is there now."


def entity_tag(status: os.stat_result) -> str:
    """Files are replaced and never changed, so a file's number and time tell its contents."""
    return f'"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"'


def last_modified(status: os.stat_result) -> str:
    """The value of the header Last-Modified."""
    return formatdate(status.st_mtime, usegmt=True)


def check_conditions(asked: Headers, status: os.stat_result | None) -> None:
    """`status` is the file's, None if there is none.

    Raises `PreconditionFailed` when it is not the one that is meant.
    """
    tag = None if status is None else entity_tag(status)
    wanted = asked.get("if-match")
    if wanted is not None:
        if not _names(wanted, tag):
            raise PreconditionFailed(
                "the file is not the one that If-Match names", hint=_READ_AGAIN
            )
    elif status is not None and _changed_since(status, asked.get("if-unmodified-since")) is True:
        raise PreconditionFailed(
            "the file was changed after the time in If-Unmodified-Since", hint=_READ_AGAIN
        )


def check_absence(asked: Headers, status: os.stat_result | None) -> None:
    """For what changes a file. Raises `PreconditionFailed` as `If-None-Match` demands."""
    unwanted = asked.get("if-none-match")
    tag = None if status is None else entity_tag(status)
    if unwanted is not None and _names(unwanted, tag, weakly=True):
        raise PreconditionFailed(
            "the file is there, and If-None-Match says that it must not be",
            hint="Leave the header out to replace the file.",
        )


def is_known(asked: Headers, status: os.stat_result) -> bool:
    """Whether the caller has this file already."""
    tags = asked.get("if-none-match")
    if tags is not None:
        return _names(tags, entity_tag(status), weakly=True)
    return _changed_since(status, asked.get("if-modified-since")) is False


def may_continue(asked: Headers, status: os.stat_result) -> bool:
    """Whether a range is asked for of this very file. A date never tells: two versions of a
    file can have the same second.
    """
    tag = entity_tag(status)
    return asked.get("if-range", tag) == tag


def _names(tags: str, tag: str | None, *, weakly: bool = False) -> bool:
    if tag is None:
        return False
    given = [each.strip() for each in tags.split(",")]
    if weakly:
        given = [each.removeprefix("W/") for each in given]
    return tag in given or "*" in given


def _changed_since(status: os.stat_result, date: str | None) -> bool | None:
    """None for no date, and for what is none: it is to be ignored."""
    if date is None:
        return None
    try:
        return int(status.st_mtime) > parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
