"""The command line's grammar for limits."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from hermetic.cli.quantities import format_seconds, format_size, parse_seconds, parse_size
from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.limits import Limits

_DEFAULTS = Limits()
_OPTIONS = {
    "wall_seconds": ("--timeout", "time on the clock"),
    "cpu_seconds": ("--cpu", "processor time"),
    "memory_bytes": ("--memory", "memory of the interpreter"),
    "output_bytes": ("--output", "stdout and stderr together"),
    "disk_bytes": ("--disk", "all files that the script writes"),
}


def add_limits(parser: argparse.ArgumentParser, title: str = "how the run is limited") -> None:
    """Limits of a run, or of all runs of what is made."""
    group = parser.add_argument_group(title)
    for field in _OPTIONS:
        default = getattr(_DEFAULTS, field)
        shown = format_seconds(default) if _is_duration(field) else format_size(default)
        follows = "; at least --timeout unless given" if field == "cpu_seconds" else ""
        _add(group, field, f"{follows} (default {shown})")


def add_narrower_limits(parser: argparse.ArgumentParser) -> None:
    """Limits of one run in a session, which can be narrower than the session's."""
    group = parser.add_argument_group("how this run is limited, if more than the session")
    for field in ("wall_seconds", "cpu_seconds", "output_bytes"):
        _add(group, field, "")


def _add(group: Any, field: str, more: str) -> None:
    option, what = _OPTIONS[field]
    convert, metavar = (parse_seconds, "SECONDS") if _is_duration(field) else (parse_size, "SIZE")
    group.add_argument(
        option, dest=field, type=_limit(field, convert), metavar=metavar, help=what + more
    )


def _is_duration(field: str) -> bool:
    return field.endswith("_seconds")


def _limit(field: str, convert: Callable[[str], float]) -> Callable[[str], float]:
    def checked(text: str) -> float:
        try:
            given: dict[str, Any] = {field: convert(text)}
            Limits(**given)
        except InvalidInput as error:
            raise argparse.ArgumentTypeError(error.message) from error
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return given[field]

    return checked
