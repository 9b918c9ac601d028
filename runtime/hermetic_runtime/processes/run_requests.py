"""Limits and a `RunRequest` as the fields of a message, and back."""

from __future__ import annotations

from dataclasses import fields as dataclass_fields
from functools import lru_cache
from typing import Any

from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.import_rules import ImportRules
from hermetic_runtime.limits import Limits
from hermetic_runtime.processes.fields import Fields, ProtocolError
from hermetic_runtime.request_bounds import (
    FILE_PATH_BYTES,
    FILENAME_BYTES,
    FILES_BYTES,
    IMPORT_PATTERNS_BYTES,
    INPUTS_BYTES,
    MOST_GIVEN_FILES,
    MOST_IMPORT_PATTERNS,
    MOST_WORDS,
    WORDS_BYTES,
)
from hermetic_runtime.requests import RunRequest

_LIMIT_NAMES = tuple(field.name for field in dataclass_fields(Limits))


def limits_to_fields(limits: Limits) -> dict[str, Any]:
    """Every limit by its name."""
    return {name: getattr(limits, name) for name in _LIMIT_NAMES}


def limits_from_fields(fields: Fields, name: str = "limits") -> Limits:
    """Raises `ProtocolError`."""
    given = fields.mapping(name)
    if given.keys() != set(_LIMIT_NAMES):
        raise ProtocolError("the limits of a message are not those of Limits")
    try:
        return _limits_of(*(given[name] for name in _LIMIT_NAMES))
    except InvalidInput as error:
        raise ProtocolError(error.message) from None
    except TypeError:  # not hashable
        raise ProtocolError("the limits of a message are not numbers") from None


@lru_cache(64, typed=True)
def _limits_of(*values: Any) -> Limits:
    """Most messages have the limits of the message before, and checking them takes long."""
    return Limits(**dict(zip(_LIMIT_NAMES, values, strict=True)))


def request_to_fields(request: RunRequest) -> dict[str, Any]:
    """What `request_from_fields` reads."""
    return {
        "source": request.source,
        "filename": request.filename,
        "arguments": request.arguments,
        "limits": limits_to_fields(request.limits),
        "final": request.final,
        "capture_value": request.capture_value,
        "inputs_json": request.inputs_json,
        "files": [{"path": path, "data": data} for path, data in request.files],
        "rules_imports": request.imports is not None,
        "import_allow": request.imports.allow if request.imports else (),
        "import_deny": request.imports.deny if request.imports else (),
        "followed": request.followed,
    }


def request_from_fields(fields: Fields) -> RunRequest:
    """Raises `ProtocolError`."""
    limits = limits_from_fields(fields)
    return RunRequest(
        source=fields.binary("source", limits.source_bytes),
        filename=fields.text("filename", FILENAME_BYTES),
        arguments=tuple(fields.texts("arguments", MOST_WORDS, WORDS_BYTES)),
        limits=limits,
        final=fields.flag("final"),
        capture_value=fields.flag("capture_value"),
        inputs_json=fields.binary("inputs_json", INPUTS_BYTES),
        files=tuple(_read_file(each) for each in fields.items("files", MOST_GIVEN_FILES)),
        imports=_read_imports(fields),
        followed=fields.flag("followed"),
    )


def _read_file(given: object) -> tuple[str, bytes]:
    file = Fields("Run.files", given)
    path, data = file.text("path", FILE_PATH_BYTES), file.binary("data", FILES_BYTES)
    file.end()
    return path, data


def _read_imports(fields: Fields) -> ImportRules | None:
    allow = fields.texts("import_allow", MOST_IMPORT_PATTERNS, IMPORT_PATTERNS_BYTES)
    deny = fields.texts("import_deny", MOST_IMPORT_PATTERNS, IMPORT_PATTERNS_BYTES)
    rules = ImportRules(allow=tuple(allow), deny=tuple(deny))
    return rules if fields.flag("rules_imports") else None
