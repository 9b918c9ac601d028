"""Limits, as the command line gives them."""

from __future__ import annotations

import argparse
from typing import Any

from hermetic_runtime.limits import Limits


def read_limits(options: argparse.Namespace) -> Limits:
    """The defaults, changed by what was given. Processor time follows a longer --timeout."""
    given: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("wall_seconds", "cpu_seconds", "memory_bytes", "output_bytes", "disk_bytes")
        if getattr(options, name) is not None
    }
    if "wall_seconds" in given and "cpu_seconds" not in given:
        given["cpu_seconds"] = max(Limits().cpu_seconds, given["wall_seconds"])
    return Limits(**given)
