"""What a guest calls JSON is JSON that every reader takes."""

from __future__ import annotations

import pytest

from hermetic_runtime.strict_json import NESTING_MAX, parse_json


@pytest.mark.parametrize(
    "source", ["NaN", "[Infinity]", "-Infinity", "1e999", '{"a": -1e400}', '"\\ud800"', "", "{"]
)
def test_what_can_not_be_written_again_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(source)


@pytest.mark.parametrize(
    "source", ["1e308", '"\\ud83d\\ude00"', "[1, 2.5, null]", "12345678901234567890"]
)
def test_ordinary_values_are_taken(source: str) -> None:
    parse_json(source)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_values_nest_only_so_deep(opening: str, closing: str) -> None:
    inner = "[]" if opening == "[" else "{}"
    levels = NESTING_MAX - 1

    parse_json(opening * levels + inner + closing * levels)
    with pytest.raises(RecursionError):
        parse_json(opening * (levels + 1) + inner + closing * (levels + 1))
