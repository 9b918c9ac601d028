"""Limits, as the command line gives them."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.limits import Limits

_OF_A_RUN = ("wall_seconds", "cpu_seconds", "output_bytes")
_OF_A_GUEST = ("memory_bytes", "disk_bytes")


def given_limits(options: argparse.Namespace) -> dict[str, Any]:
    """Those that were given. Processor time follows a longer --timeout."""
    given = _given(options, _OF_A_RUN + _OF_A_GUEST)
    if "wall_seconds" in given and "cpu_seconds" not in given:
        given["cpu_seconds"] = max(Limits().cpu_seconds, given["wall_seconds"])
    return given


def read_limits(options: argparse.Namespace) -> Limits:
    """The defaults, changed by what was given."""
    return Limits(**given_limits(options))


def read_narrower_limits(options: argparse.Namespace, within: Limits) -> Limits:
    """The limits of a run in a session, whose own are `within`, changed by what was given.

    Raises `InvalidInput` for what a session has for good.
    """
    if _given(options, _OF_A_GUEST):
        raise InvalidInput(
            "--memory and --disk are given to a session when it is made",
            hint="`hermetic session new` makes another one.",
        )
    return replace(within, **_given(options, _OF_A_RUN))


def _given(options: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    found = {name: getattr(options, name, None) for name in names}
    return {name: value for name, value in found.items() if value is not None}
