"""What a request may bring beside its source: globals and files, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from keyword import iskeyword
from typing import Any, cast

from hermetic_runtime.errors import Contradiction, InvalidInput, InvalidName
from hermetic_runtime.kernel.tree_bounds import LEVELS_MAX
from hermetic_runtime.request_bounds import (
    FILE_PATH_BYTES,
    FILES_BYTES,
    INPUTS_BYTES,
    INPUTS_DEPTH,
    MOST_GIVEN_FILES,
    MOST_INPUTS,
)

_NAME_BYTES = 255
"""The most of one name in a path, as in the guest's file system."""


def checked_inputs(inputs: Mapping[str, Any] | None) -> bytes:
    """The globals as JSON. Raises `InvalidInput` for a name that a program could not
    write as a variable, and for values that are not JSON or are too large or too deep.
    """
    if not inputs:
        return b"{}"
    if not isinstance(inputs, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInput(f"inputs must be a mapping, not {type(inputs).__name__}")
    if len(inputs) > MOST_INPUTS:
        raise InvalidInput(
            f"inputs has {len(inputs):,} entries, more than {MOST_INPUTS:,}",
            hint="Put several values in one list or mapping.",
        )
    for name, value in inputs.items():
        _check_name(name)
        _check_json(name, value)
    try:
        encoded = json.dumps(dict(inputs), allow_nan=False, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"inputs can't be written as JSON: {error}") from None
    if len(encoded) > INPUTS_BYTES:
        raise InvalidInput(
            f"inputs take {len(encoded):,} bytes as JSON, more than {INPUTS_BYTES:,}",
            hint="Pass large data as stdin or as a file.",
        )
    return encoded


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
        raise InvalidName(
            f"the input {str(name)[:60]!r} has a name that no variable can have",
            hint="Each name in inputs becomes a global variable of the code.",
        )
    if name.startswith("__") and name.endswith("__"):
        raise InvalidName(
            f"the input {name[:60]!r} has a name that belongs to Python itself",
            hint="Choose one without the underscores.",
        )


def _check_json(name: str, value: object) -> None:
    """Level by level, so that no depth of nesting can exhaust the stack."""
    level, depth = [value], 0
    while level:
        deeper: list[object] = []
        for each in level:
            if isinstance(each, dict):
                entries = cast("dict[object, object]", each)
                if not all(isinstance(key, str) for key in entries):
                    raise InvalidInput(f"the input {name!r} has a key that is not text")
                deeper.extend(entries.values())
            elif isinstance(each, list | tuple):
                deeper.extend(cast("list[object]", each))
            elif each is not None and not isinstance(each, str | int | float | bool):
                raise InvalidInput(
                    f"the input {name!r} holds {type(each).__name__}, which is not JSON",
                    hint="Pass it as a file, or as text, numbers, lists and mappings.",
                )
        level, depth = deeper, depth + 1
        if depth > INPUTS_DEPTH:
            raise InvalidInput(f"the input {name!r} is nested deeper than {INPUTS_DEPTH} levels")


def checked_files(files: Mapping[str, bytes] | None) -> tuple[tuple[str, bytes], ...]:
    """The files, by their paths below /workspace. Raises `InvalidInput`."""
    if not files:
        return ()
    if not isinstance(files, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInput(f"files must be a mapping, not {type(files).__name__}")
    if len(files) > MOST_GIVEN_FILES:
        raise InvalidInput(
            f"files has {len(files):,} entries, more than {MOST_GIVEN_FILES:,}",
            hint="Pass many files in a mount, or as one archive.",
        )
    checked: dict[str, bytes] = {}
    for given, data in files.items():
        path = _checked_path(given)
        if path in checked:
            raise Contradiction(
                f"two of files have the path {path[:60]!r}",
                hint="A path names the same file with /workspace/ before it and without.",
            )
        checked[path] = _checked_data(path, data)
    for path in checked:
        parts = path.split("/")
        for end in range(1, len(parts)):
            if "/".join(parts[:end]) in checked:
                raise Contradiction(f"the file {path[:60]!r} is inside another one of files")
    size = sum(map(len, checked.values()))
    if size > FILES_BYTES:
        raise InvalidInput(
            f"files hold {size:,} bytes, more than {FILES_BYTES:,}",
            hint="Pass large data as stdin or in a mount.",
        )
    return tuple(checked.items())


def _checked_path(path: object) -> str:
    """Relative, without `.` and `..`, and in the form that names the same file once."""
    if not isinstance(path, str):
        raise InvalidInput(f"the path of a file must be text, not {type(path).__name__}")
    given = path.removeprefix("/workspace/")
    parts = given.split("/")
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        raise InvalidInput(f"the path {path[:60]!r} can't be written as UTF-8") from None
    if given.startswith("/") or "\0" in given or any(part in ("", ".", "..") for part in parts):
        raise InvalidInput(
            f"the path {path[:60]!r} of a file must name one below /workspace, without '..'",
            hint='Write it as "data.csv" or "/workspace/data.csv".',
        )
    if max(sizes) > _NAME_BYTES or sum(sizes) + len(sizes) > FILE_PATH_BYTES:
        raise InvalidInput(
            f"the path {path[:60]!r}... of a file is too long",
            hint=f"A name may have {_NAME_BYTES} bytes, and a path {FILE_PATH_BYTES:,}.",
        )
    if len(parts) > LEVELS_MAX:
        raise InvalidInput(
            f"the path {path[:60]!r}... of a file is too deep",
            hint=f"It may have {LEVELS_MAX} names.",
        )
    return given


def _checked_data(path: str, data: object) -> bytes:
    if not isinstance(data, bytes):
        raise InvalidInput(f"the file {path[:60]!r} must hold bytes, not {type(data).__name__}")
    return data
