"""Where packages are looked for, when a script asks for other places than the caller's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from hermetic_runtime.errors import InvalidInput

_SUPPORTED = ("index", "index-url", "extra-index-url", "exclude-newer")
_INDEX_KEYS = ("url", "name", "default")
_URL = r"https?://[^\s/@]+(/\S*)?"


@dataclass(frozen=True, slots=True)
class ScriptIndexes:
    """URLs of package indexes, best first, and the time after which packages don't count."""

    default: str | None = None
    more: tuple[str, ...] = ()
    exclude_newer: str | None = None


def script_indexes(uv: Mapping[str, Any]) -> ScriptIndexes:
    """What `[tool.uv]` of a script asks for. Raises `InvalidInput` for what is not supported."""
    for key in uv:
        if key not in _SUPPORTED:
            raise InvalidInput(
                f"tool.uv.{key} is not supported",
                hint=f"Of [tool.uv], these are: {', '.join(_SUPPORTED)}.",
            )
    default = _url("index-url", uv["index-url"]) if "index-url" in uv else None
    more: list[str] = []
    for entry in _list("index", uv):
        if not isinstance(entry, dict):
            raise InvalidInput("tool.uv.index must be a list of tables")
        table = cast("dict[str, Any]", entry)
        for key in table:
            if key not in _INDEX_KEYS:
                raise InvalidInput(
                    f"tool.uv.index.{key} is not supported",
                    hint=f"Of an index, these are: {', '.join(_INDEX_KEYS)}.",
                )
        url = _url("index", table.get("url"))
        if table.get("default") is True:
            default = url
        else:
            more.append(url)
    more += [_url("extra-index-url", url) for url in _list("extra-index-url", uv)]
    newest = uv.get("exclude-newer")
    return ScriptIndexes(default, tuple(more), None if newest is None else check_time(newest))


def check_time(value: object) -> str:
    """An RFC 3339 date or time, as uv takes it. Raises `InvalidInput` for anything else."""
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return value
    raise InvalidInput(f"exclude-newer must be a date or a time, such as 2026-01-31, not {value!r}")


def earliest(*times: str | None) -> str | None:
    """The first in time of those that are given. A time without a zone is UTC."""

    def moment(text: str) -> datetime:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    return min((text for text in times if text is not None), key=moment, default=None)


def _list(key: str, uv: Mapping[str, Any]) -> list[object]:
    value: object = uv.get(key, [])
    if not isinstance(value, list):
        raise InvalidInput(f"tool.uv.{key} must be a list")
    return cast("list[object]", value)


def _url(key: str, value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(_URL, value):
        raise InvalidInput(f"tool.uv.{key} must be an http or https URL without credentials")
    return value
