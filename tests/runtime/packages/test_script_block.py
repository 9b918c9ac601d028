"""Where the metadata block of a script is found, as its specification says."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetic_runtime.errors import InvalidScript
from hermetic_runtime.packages.script_block import find_script_block

REFERENCE = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
"""As the specification gives it."""

LINES = ["# /// script", "# /// other", "# ///", "#", "# a = 1", "#b", "", "x = 1", "# /// s t"]


def reference_contents(text: str) -> list[str]:
    return [
        "".join(
            line[2:] if line.startswith("# ") else line[1:]
            for line in match["content"].splitlines(keepends=True)
        )
        for match in REFERENCE.finditer(text)
        if match["type"] == "script"
    ]


@given(st.lists(st.sampled_from(LINES), max_size=14).map("\n".join))
def test_blocks_are_those_of_the_specification(text: str) -> None:
    expected = reference_contents(text)

    if len(expected) > 1:
        with pytest.raises(InvalidScript):
            find_script_block(text)
    else:
        found = find_script_block(text)
        assert ([found.content] if found else []) == expected


def test_a_script_without_a_block_has_none() -> None:
    assert find_script_block(b"print(1)\n") is None


def test_a_block_that_is_not_closed_is_ignored() -> None:
    assert find_script_block("# /// script\n# dependencies = []\nprint(1)\n") is None


def test_lines_may_end_as_on_windows() -> None:
    block = find_script_block(b"\xef\xbb\xbf# /// script\r\n# a = 1\r\n# ///\r\n")

    assert block is not None
    assert (block.content, block.line) == ("a = 1\n", 1)


def test_a_second_block_is_an_error_with_both_lines() -> None:
    block = "# /// script\n# a = 1\n# ///\n"

    with pytest.raises(InvalidScript, match=r"line 6: .* first is at line 2") as raised:
        find_script_block(f"\n{block}\n{block}")
    assert raised.value.code == "invalid_script"


def test_a_source_that_is_not_text_is_an_error() -> None:
    with pytest.raises(InvalidScript, match="UTF-8"):
        find_script_block(b"# /// script\n# \xff\n# ///\n")


def test_hostile_sources_take_no_longer_than_their_length_asks_for() -> None:
    # Each line could open a block, and the regular expression looks for the end of each.
    assert find_script_block("# /// script\n" * 600_000) is None
