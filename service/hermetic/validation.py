"""What is wrong in JSON that a caller sent: the places, and in words that are not Python's."""

from __future__ import annotations

from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_WORDS = {
    "extra_forbidden": "there is no such field",
    "missing": "it is missing",
    "model_type": "it must be an object",
    "dict_type": "it must be an object",
    "list_type": "it must be an array",
    "string_type": "it must be a string",
    "int_type": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_type": "it must be a number",
    "finite_number": "it must be a finite number",
    "bool_type": "it must be true or false",
    "greater_than_equal": "it must be at least {ge:,}",
    "less_than_equal": "it must be at most {le:,}",
    "literal_error": "it must be {expected}",
    "string_too_short": "it must have at least {min_length:,} characters",
    "string_too_long": "it must have at most {max_length:,} characters",
    "too_long": "it must have at most {max_length:,} items",
}
"""By pydantic's name for the kind of error, with what it says of the schema; of others its own
words are taken.
"""


def wrong_places(error: ValidationError, given: object) -> tuple[tuple[str, str], ...]:
    """Each a JSON pointer (RFC 6901) into what was given, and what is wrong there; nothing of
    what was there.
    """
    return tuple(
        (_pointer(_place(each["loc"], each["type"], given)), _words(each))
        for each in error.errors(include_url=False, include_input=False)
    )


def _words(error: ErrorDetails) -> str:
    words = _WORDS.get(error["type"])
    if words is None:
        return error["msg"]
    facts = error.get("ctx", {})
    return words.format(**{name: _plain(fact) for name, fact in facts.items()})


def _plain(fact: object) -> object:
    return int(fact) if isinstance(fact, float) and fact.is_integer() else fact


def _place(named: tuple[Any, ...], kind: str, given: object) -> tuple[Any, ...]:
    """The parts of `named` that are places in what was given, or that are missing there: it
    tells of types as well.
    """
    place: list[Any] = []
    for part in named:
        if isinstance(given, dict) and part in given:
            given = cast("dict[str, object]", given)[part]
        elif isinstance(given, list) and isinstance(part, int):
            given = cast("list[object]", given)[part]
        elif part is not named[-1] or kind != "missing" or not isinstance(given, dict):
            continue
        place.append(part)
    return tuple(place)


def _pointer(place: tuple[Any, ...]) -> str:
    return "".join("/" + str(part)[:100].replace("~", "~0").replace("/", "~1") for part in place)
