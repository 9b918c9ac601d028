"""Policy text to plain values, each with the line that it stands in.

Strict: one document, string keys, every key once, no tags, anchors or aliases. Plain
scalars are resolved as the core schema of YAML 1.2 says, so `on` and `yes` are strings.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import yaml

from hermetic.errors import PolicyError

MOST_BYTES = 512 * 1024
"""The size of a policy file."""

MOST_DEPTH = 32
_MOST_NODES = 100_000

Path = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONSTANTS = {"null": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,300}|[0-9]{1,300}(\.[0-9]{0,300})?)([eE][-+]?[0-9]{1,9})?")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourceTree:
    """The value of a document, and the line (from 1) of each value by its path."""

    name: str
    value: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """That of the nearest value above, where there is none at `path`."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_source(data: bytes, name: str) -> SourceTree:
    """What starts with `{` is JSON; all else is YAML. Raises `PolicyError`."""
    if len(data) > MOST_BYTES:
        _refuse(name, None, f"the file has {len(data):,} bytes, more than {MOST_BYTES:,}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise PolicyError(f"{name}:{line}: the file is not UTF-8") from error
    if text.lstrip(" \t\r\n").startswith("{"):
        return _read_json(text, name)
    return _read_yaml(text, name)


def format_path(path: Path) -> str:
    """`tools.run.rules[2].conditions[0].op`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _refuse(name: str, line: int | None, what: str, hint: str | None = None) -> NoReturn:
    raise PolicyError(f"{name}: {what}" if line is None else f"{name}:{line}: {what}", hint=hint)


class _Builder:
    """Takes scalars and the ends of collections in order; keeps values with their lines."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: list[tuple[Path, dict[str, Any] | list[Any]]] = []
        self._key: str | None = None
        self._nodes = 0
        self.value: Any = None
        self.lines: dict[Path, int] = {}

    def awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][1], dict) and self._key is None

    def key(self, key: object, line: int) -> None:
        path, mapping = self._open[-1]
        if not isinstance(key, str):
            _refuse(self._name, line, f"the key {_shown(key)} is not a string", "Put it in quotes.")
        if key in mapping:
            where = format_path((*path, key))
            _refuse(self._name, line, f"{where[:200]}: this key is there twice")
        self._key = key
        self.lines[(*path, key)] = line

    def put(self, value: Any, line: int) -> Path:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            _refuse(self._name, line, f"more than {_MOST_NODES:,} values")
        if not self._open:
            self.value, path = value, ()
        else:
            above, collection = self._open[-1]
            if isinstance(collection, list):
                path = (*above, len(collection))
                collection.append(value)
            else:
                assert self._key is not None
                path = (*above, self._key)
                collection[self._key] = value
                self._key = None
        self.lines.setdefault(path, line)
        return path

    def start(self, collection: dict[str, Any] | list[Any], line: int) -> None:
        if self.awaits_key():
            _refuse(self._name, line, "a key is a string, not a list or a mapping")
        path = self.put(collection, line)
        self._open.append((path, collection))
        if len(self._open) > MOST_DEPTH:
            _refuse(self._name, line, f"nested deeper than {MOST_DEPTH} levels")

    def end(self) -> None:
        self._open.pop()


def _read_json(text: str, name: str) -> SourceTree:
    """Parsed by the standard library, then walked by tokens for lines, depth and keys that are
    there twice.
    """

    def no_constant(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        json.loads(text, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        raise PolicyError(f"{name}:{error.lineno}: not JSON: {error.msg}") from error
    except ValueError as error:
        raise PolicyError(f"{name}: not JSON: {error}") from error
    except RecursionError as error:
        raise PolicyError(f"{name}:1: nested deeper than {MOST_DEPTH} levels") from error
    builder = _Builder(name)
    for line, token in _json_tokens(text):
        if token in "{[":
            builder.start({} if token == "{" else [], line)
        elif token in "}]":
            builder.end()
        elif token not in ",:":
            value = json.loads(token)
            if isinstance(value, float) and not math.isfinite(value):
                _refuse(name, line, "a number that is too large")
            if builder.awaits_key():
                builder.key(value, line)
            else:
                builder.put(value, line)
    return SourceTree(name, builder.value, builder.lines)


def _json_tokens(text: str) -> Iterator[tuple[int, str]]:
    line, last = 1, 0
    for match in _JSON_TOKEN.finditer(text):
        line += text.count("\n", last, match.start())
        last = match.start()
        yield line, match[0]


def _read_yaml(text: str, name: str) -> SourceTree:
    builder = _Builder(name)
    documents = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            line = cast("Any", event).start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    _refuse(name, line, "a second document; a policy is one")
            elif isinstance(event, yaml.NodeEvent):
                _refuse_extras(event, name, line)
                if isinstance(event, yaml.ScalarEvent):
                    value = _scalar(event, name, line)
                    if builder.awaits_key():
                        builder.key(value, line)
                    else:
                        builder.put(value, line)
                else:
                    empty: dict[str, Any] | list[Any] = (
                        {} if isinstance(event, yaml.MappingStartEvent) else []
                    )
                    builder.start(empty, line)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                builder.end()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = f"not YAML: {error.problem or error.context or 'it ends too early'}"
        raise PolicyError(f"{name}:{mark.line + 1 if mark else 1}: {what}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise PolicyError(f"{name}:{line}: not YAML: {error.reason}") from error
    except RecursionError as error:
        raise PolicyError(f"{name}: nested deeper than {MOST_DEPTH} levels") from error
    return SourceTree(name, builder.value, builder.lines)


def _refuse_extras(event: yaml.NodeEvent, name: str, line: int) -> None:
    if event.anchor is not None:
        _refuse(name, line, "anchors and aliases are not allowed", "Write the value out.")
    if getattr(event, "tag", None) is not None:
        _refuse(name, line, "tags are not allowed", "Leave the `!` out, or quote the value.")


def _scalar(event: yaml.ScalarEvent, name: str, line: int) -> Any:
    text = event.value
    if event.style:
        return text
    if text in ("", "~"):
        return None
    if (word := text.lower()) in _CONSTANTS and text in (word, word.capitalize(), word.upper()):
        return _CONSTANTS[word]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if not math.isfinite(value):
            _refuse(name, line, "a number that is too large")
        return value
    return text


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
