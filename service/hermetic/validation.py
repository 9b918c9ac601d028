"""What is wrong in JSON that a caller sent: the places, and in words that are not Python's."""

from __future__ import annotations

from typing import Any, cast

from pydantic import ValidationError

_WORDS = {
    "extra_forbidden": "there is no such field",
    "missing": "it is missing",
    "model_type": "it must be an object",
    "dict_type": "it must be an object",
    "list_type": "it must be an array",
    "string_type": "it must be a string",
    "int_type": "it must be a whole number",
}
"""By pydantic's name for the kind of error; of others its own words are taken."""


def wrong_places(error: ValidationError, given: object) -> tuple[tuple[str, str], ...]:
    """Each a JSON pointer (RFC 6901) into what was given, and what is wrong there; nothing of
    what was there.
    """
    return tuple(
        (_pointer(_place(each["loc"], given)), _WORDS.get(each["type"], each["msg"]))
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    )


def _place(named: tuple[Any, ...], given: object) -> tuple[Any, ...]:
    """The parts of `named` that are places in what was given: it tells of types as well."""
    place: list[Any] = []
    for part in named:
        if isinstance(given, dict) and part in given:
            given = cast("dict[str, object]", given)[part]
        elif isinstance(given, list) and isinstance(part, int):
            given = cast("list[object]", given)[part]
        elif part is not named[-1] or not isinstance(given, dict):
            continue
        place.append(part)
    return tuple(place)


def _pointer(place: tuple[Any, ...]) -> str:
    return "".join("/" + str(part)[:100].replace("~", "~0").replace("/", "~1") for part in place)
