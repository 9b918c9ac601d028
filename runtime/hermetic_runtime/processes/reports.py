"""A `RunReport` as the fields of a message, and back."""

from __future__ import annotations

import json
from typing import Any

from hermetic_runtime.limits import MIB
from hermetic_runtime.processes.fields import Fields, ProtocolError
from hermetic_runtime.reported import Display, Outcome, RunError, Usage, Value, WorkspaceFile
from hermetic_runtime.request_bounds import FILE_NAMES_BYTES, MOST_FILES
from hermetic_runtime.requests import RunReport
from hermetic_runtime.strict_json import parse_json

_MOST_TEXT = 1024 * MIB
"""Texts of a report have no bound of their own: the frame has one."""
_MOST_DISPLAYS = 100
_MOST_FORMS = 100
_OUTCOMES = tuple(outcome.value for outcome in Outcome)
_COUNT = 2**63 - 1


def report_to_fields(report: RunReport) -> dict[str, Any]:
    """What `report_from_fields` reads."""
    return {
        "outcome": report.outcome.value,
        "exit_code": report.exit_code,
        "value": _value_to_fields(report.value),
        "displays": [display.data for display in report.displays],
        "displays_omitted": report.displays_omitted,
        "files": [{"path": file.path, "size": file.size} for file in report.files],
        "files_omitted": report.files_omitted,
        "error": _error_to_fields(report.error),
        "usage": _usage_to_fields(report.usage),
        "stdout_truncated": report.stdout_truncated,
        "stderr_truncated": report.stderr_truncated,
        "alive": report.alive,
    }


def report_from_fields(fields: Fields) -> RunReport:
    """Raises `ProtocolError`."""
    return RunReport(
        outcome=Outcome(fields.choice("outcome", _OUTCOMES)),
        exit_code=fields.integer("exit_code", 0, 255),
        value=_read_value(fields.nested("value")) if fields.optional("value") else None,
        displays=tuple(_read_display(each) for each in fields.items("displays", _MOST_DISPLAYS)),
        displays_omitted=fields.integer("displays_omitted", 0, _COUNT),
        files=tuple(_read_file(each) for each in fields.items("files", MOST_FILES)),
        files_omitted=fields.integer("files_omitted", 0, _COUNT),
        error=_read_error(fields.nested("error")) if fields.optional("error") else None,
        usage=_read_usage(fields.nested("usage")),
        stdout_truncated=fields.flag("stdout_truncated"),
        stderr_truncated=fields.flag("stderr_truncated"),
        alive=fields.flag("alive"),
    )


def _value_to_fields(value: Value | None) -> dict[str, Any] | None:
    """JSON travels as text: it knows whole numbers of any size, and msgpack does not."""
    if value is None:
        return None
    return {"repr": value.repr, "json": json.dumps(value.json) if value.is_json else None}


def _read_value(fields: Fields) -> Value:
    shown = fields.text("repr", _MOST_TEXT)
    source = fields.text("json", _MOST_TEXT) if fields.optional("json") else None
    fields.end()
    if source is None:
        return Value(shown)
    try:
        return Value(shown, parse_json(source), is_json=True)
    except RecursionError:
        return Value(shown)
    except ValueError as error:
        raise ProtocolError(f"the value of a report is not JSON: {error}") from None


def _read_display(given: object) -> Display:
    fields = Fields("Report.displays", {"data": given})
    return Display(fields.text_map("data", _MOST_FORMS, _MOST_TEXT))


def _read_file(given: object) -> WorkspaceFile:
    fields = Fields("Report.files", given)
    path = fields.text("path", FILE_NAMES_BYTES)
    if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ProtocolError("a file of a report is not named by a plain relative path")
    file = WorkspaceFile(path, fields.integer("size", 0, _COUNT))
    fields.end()
    return file


def _error_to_fields(error: RunError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {
        "type": error.type,
        "message": error.message,
        "traceback": error.traceback,
        "limit": error.limit,
    }


def _read_error(fields: Fields) -> RunError:
    error = RunError(
        type=fields.text("type", 1000),
        message=fields.text("message", _MOST_TEXT),
        traceback=fields.text("traceback", _MOST_TEXT),
        limit=fields.text("limit", 100) if fields.optional("limit") else None,
    )
    fields.end()
    return error


def _usage_to_fields(usage: Usage) -> dict[str, Any]:
    return {
        "wall_seconds": usage.wall_seconds,
        "cpu_seconds": usage.cpu_seconds,
        "peak_memory_bytes": usage.peak_memory_bytes,
        "host_calls": usage.host_calls,
        "disk_bytes": usage.disk_bytes,
        "fuel": usage.fuel,
    }


def _read_usage(fields: Fields) -> Usage:
    usage = Usage(
        wall_seconds=fields.seconds("wall_seconds"),
        cpu_seconds=fields.seconds("cpu_seconds"),
        peak_memory_bytes=fields.integer("peak_memory_bytes", 0, _COUNT),
        host_calls=fields.integer("host_calls", 0, _COUNT),
        disk_bytes=fields.integer("disk_bytes", 0, _COUNT),
        fuel=fields.integer("fuel", 0, _COUNT) if fields.optional("fuel") else None,
    )
    fields.end()
    return usage
