"""Reading the fields of a message that an untrusted process sent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

from hermetic_runtime.errors import HermeticError


class ProtocolError(HermeticError):
    """A process sent something that is not a message of the protocol."""

    code = "protocol"


class Fields:
    """A map whose entries are taken one by one, each with its type and bounds.

    Every method raises `ProtocolError` for a field that is missing, of another type,
    or outside its bounds; `end` raises it for entries that nobody took.
    """

    def __init__(self, where: str, given: object) -> None:
        self._where = where
        if not isinstance(given, dict):
            raise ProtocolError(f"{where} is not a map")
        self._left = cast("dict[object, object]", given)

    def _take(self, name: str) -> object:
        try:
            return self._left.pop(name)
        except KeyError:
            raise ProtocolError(f"{self._where} has no field {name}") from None

    def _refuse(self, name: str, expected: str) -> ProtocolError:
        return ProtocolError(f"{self._where}: field {name} is not {expected}")

    def text(self, name: str, most: int) -> str:
        """At most `most` characters."""
        value = self._take(name)
        if not isinstance(value, str) or len(value) > most:
            raise self._refuse(name, f"text of at most {most:,} characters")
        return value

    def binary(self, name: str, most: int) -> bytes:
        """At most `most` bytes."""
        value = self._take(name)
        if not isinstance(value, bytes) or len(value) > most:
            raise self._refuse(name, f"at most {most:,} bytes")
        return value

    def flag(self, name: str) -> bool:
        value = self._take(name)
        if not isinstance(value, bool):
            raise self._refuse(name, "true or false")
        return value

    def integer(self, name: str, low: int, high: int) -> int:
        """Between `low` and `high`, both included."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._refuse(name, f"a whole number from {low:,} to {high:,}")
        return value

    def seconds(self, name: str) -> float:
        """A finite number that is not negative."""
        value = self._take(name)
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not math.isfinite(value)
            or value < 0
        ):
            raise self._refuse(name, "a number of seconds")
        return float(value)

    def choice(self, name: str, choices: Sequence[str]) -> str:
        value = self._take(name)
        if not isinstance(value, str) or value not in choices:
            raise self._refuse(name, f"one of {', '.join(choices)}")
        return value

    def items(self, name: str, most: int) -> list[object]:
        """A list of at most `most` entries, not looked into."""
        value = self._take(name)
        if not isinstance(value, list) or len(cast("list[object]", value)) > most:
            raise self._refuse(name, f"a list of at most {most:,}")
        return cast("list[object]", value)

    def texts(self, name: str, most: int, characters: int) -> list[str]:
        """At most `most` texts of at most `characters` each."""
        values = self.items(name, most)
        if not all(isinstance(value, str) and len(value) <= characters for value in values):
            raise self._refuse(name, f"a list of texts of at most {characters:,} characters")
        return cast("list[str]", values)

    def text_map(self, name: str, most: int, characters: int) -> dict[str, str]:
        """At most `most` entries, text to text of at most `characters` each."""
        value = self._take(name)
        if isinstance(value, dict) and len(cast("dict[object, object]", value)) <= most:
            entries = cast("dict[object, object]", value)
            if all(
                isinstance(text, str) and len(text) <= characters
                for entry in entries.items()
                for text in entry
            ):
                return cast("dict[str, str]", value)
        raise self._refuse(name, "a map of texts")

    def mapping(self, name: str) -> dict[str, Any]:
        """A map with text keys, for a reader of its own that checks the values."""
        value = self._take(name)
        if not isinstance(value, dict) or not all(
            isinstance(key, str) for key in cast("dict[object, object]", value)
        ):
            raise self._refuse(name, "a map")
        return cast("dict[str, Any]", value)

    def nested(self, name: str) -> Fields:
        return Fields(f"{self._where}.{name}", self._take(name))

    def optional(self, name: str) -> bool:
        """Whether the field is not nil; a nil one is taken."""
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return False
        return True

    def end(self) -> None:
        if self._left:
            names = ", ".join(repr(name)[:40] for name in list(self._left)[:5])
            raise ProtocolError(f"{self._where} has unknown fields: {names}")
