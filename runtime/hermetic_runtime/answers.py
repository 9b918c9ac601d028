"""Reading what a guest answers. It is hostile data, whoever wrote the code that sent it."""

from __future__ import annotations

import json
import re
from typing import Any

from hermetic_runtime.reported import Display, Outcome, RunError, Value
from hermetic_runtime.requests import RunReport
from hermetic_runtime.strict_json import parse_json

_ENOSPC, _EMFILE = 51, 33
_MAX_DISPLAYS = 100
_MOST_FORMS = 20
_MOST_OMITTED = 2**31 - 1
_MESSAGE_CHARACTERS = 10_000
_TRACEBACK_CHARACTERS = 100_000
_SURROGATE = re.compile("[\ud800-\udfff]")
_DISK_MESSAGE = {
    "disk_bytes": "the files of the guest reached their limit in bytes",
    "files": "the guest reached its limit of files and folders",
}


class _Malformed(Exception):
    """The answer is not what the agent sends."""


def read_answer(
    answer: bytes,
    *,
    value_bytes: int,
    display_bytes: int,
    memory_refused: bool,
    disk_refused: frozenset[str],
) -> RunReport:
    """Make a report of an answer; one that is malformed becomes an `error` report.

    `memory_refused` and `disk_refused` are what the host itself saw in this run: the
    guest's word alone does not make an outcome `memory` or `disk`.
    """
    try:
        fields = _object(json.loads(answer))
        exit_code = _integer(fields["exit_code"]) & 0xFF
        failure = fields["error"]
        value, too_large = _value(fields["value"], value_bytes)
        displays = _displays(fields["displays"], display_bytes)
        omitted = min(max(_integer(fields["displays_omitted"]), 0), _MOST_OMITTED)
        if failure is None:
            report = _ended(exit_code, value, too_large, displays)
            return report._replace(displays_omitted=omitted)
        error, outcome = _failure(_object(failure), memory_refused, disk_refused)
    except (_Malformed, KeyError, ValueError, RecursionError):
        error = RunError("MalformedAnswer", "the guest sent an answer that can't be read")
        return RunReport(Outcome.ERROR, exit_code=1, error=error)
    status = {Outcome.MEMORY: 137, Outcome.DISK: 1}.get(outcome, exit_code or 1)
    return RunReport(
        outcome, exit_code=status, displays=displays, displays_omitted=omitted, error=error
    )


def _ended(
    exit_code: int, value: Value | None, too_large: bool, displays: tuple[Display, ...]
) -> RunReport:
    if too_large:
        message = "the value of the last expression is larger than it may be"
        error = RunError("ValueLimit", message, limit="value_bytes")
        return RunReport(Outcome.OUTPUT, 1, value, displays, error=error)
    if exit_code:
        error = RunError("SystemExit", str(exit_code))
        return RunReport(Outcome.ERROR, exit_code, value, displays, error=error)
    return RunReport(Outcome.OK, 0, value, displays)


def _failure(
    failure: dict[str, Any], memory_refused: bool, disk_refused: frozenset[str]
) -> tuple[RunError, Outcome]:
    kind = _text(failure["type"], 500)
    message = _text(failure["message"], _MESSAGE_CHARACTERS)
    traceback = _text(failure["traceback"], _TRACEBACK_CHARACTERS)
    number = failure["errno"]
    if failure["memory"] is True and memory_refused:
        return RunError(kind, message, traceback, "memory_bytes"), Outcome.MEMORY
    if number == _ENOSPC and disk_refused:
        limit = min(disk_refused)
        return RunError(kind, message or _DISK_MESSAGE[limit], traceback, limit), Outcome.DISK
    limit = "open_files" if number == _EMFILE else None
    return RunError(kind, message, traceback, limit), Outcome.ERROR


def _value(given: Any, limit: int) -> tuple[Value | None, bool]:
    if given is None:
        return None, False
    fields = _object(given)
    text = _text(fields["repr"], limit)
    if fields["too_large"] is True:
        return Value(text), True
    source = fields["json"]
    if source is None:
        return Value(text), False
    try:
        return Value(text, parse_json(_string(source)[:limit]), True), False
    except (ValueError, RecursionError):
        return Value(text), False


def _displays(given: Any, limit: int) -> tuple[Display, ...]:
    """Raises `_Malformed` for more than the agent lets through: `limit` bytes as UTF-8."""
    if not isinstance(given, list) or len(given) > _MAX_DISPLAYS:  # pyright: ignore
        raise _Malformed
    displays: list[Display] = []
    for each in given:  # pyright: ignore
        forms = _object(each)
        if len(forms) > _MOST_FORMS:
            raise _Malformed
        data = {_text(mime, 100): _text(form, limit) for mime, form in forms.items()}
        limit -= sum(len(text.encode()) for form in data.items() for text in form)
        if limit < 0:
            raise _Malformed
        displays.append(Display(data))
    return tuple(displays)


def _object(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise _Malformed
    return given  # pyright: ignore


def _integer(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool):
        raise _Malformed
    return given


def _string(given: Any) -> str:
    if not isinstance(given, str):
        raise _Malformed
    return given


def _text(given: Any, limit: int) -> str:
    """At most `limit` characters, with what can't be encoded as UTF-8 replaced."""
    return _SURROGATE.sub("\ufffd", _string(given)[:limit])
