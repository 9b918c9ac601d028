"""Regular expressions that take time linear in the text, whatever the pattern: RE2's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import re2  # pyright: ignore[reportMissingTypeStubs]

MOST_CHARACTERS = 4000
"""The length of a pattern."""


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Tells whether the pattern is found in a text.

    Raises `ValueError` for what is no pattern of RE2's, which has no look-around and no
    back references, and for one that needs too much memory.
    """
    if len(pattern) > MOST_CHARACTERS:
        raise ValueError(f"the pattern is longer than {MOST_CHARACTERS:,} characters")
    library: Any = re2
    options = library.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        compiled = library.compile(pattern, options)
    except (library.error, UnicodeError) as error:
        reason: object = error.args[0] if error.args else error
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(text) from error

    def found(text: str) -> bool:
        return compiled.search(text.encode("utf-8", "replace")) is not None

    return found
