"""What Hermetic itself says: on stderr, each line marked as ours."""

from __future__ import annotations

import contextlib

from hermetic.cli.standard_descriptors import STDERR
from hermetic.cli.standard_streams import OutputError, write
from hermetic_runtime.errors import HermeticError


def say(message: str, *, hint: str | None = None) -> None:
    """One line, and one more for the hint. A stderr that is gone is no reason to fail."""
    text = f"hermetic: {message}\n"
    if hint:
        text += f"hint: {hint}\n"
    with contextlib.suppress(BrokenPipeError, OutputError):
        write(STDERR, text.encode("utf-8", "backslashreplace"))


def report_error(error: HermeticError) -> None:
    """Say an error on stderr, with its code and hint."""
    say(f"error[{error.code}]: {error.message}", hint=error.hint)
