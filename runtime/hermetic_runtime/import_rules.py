"""What guest code may import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.request_bounds import IMPORT_PATTERNS_BYTES, MOST_IMPORT_PATTERNS


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRules:
    """What guest code may import, as globs over dotted names: advice, not a wall.

    A pattern that matches a package stands for all that is in it. Raises `InvalidInput` for
    patterns that are not ASCII, too many or too long.
    """

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check("allow", self.allow)
        _check("deny", self.deny)


def _check(name: str, patterns: Sequence[str]) -> None:
    size = sum(len(pattern) for pattern in patterns)
    if not all(pattern.isascii() for pattern in patterns):
        raise InvalidInput(f"imports.{name} has a pattern that is not ASCII")
    if len(patterns) > MOST_IMPORT_PATTERNS or size > IMPORT_PATTERNS_BYTES:
        raise InvalidInput(
            f"imports.{name} has {len(patterns):,} patterns of {size:,} characters together, more"
            f" than {MOST_IMPORT_PATTERNS:,} or {IMPORT_PATTERNS_BYTES:,}"
        )
