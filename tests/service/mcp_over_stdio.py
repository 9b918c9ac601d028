"""`hermetic mcp` as a client starts it."""

from __future__ import annotations

import os
from pathlib import Path

from command_line import COMMAND
from live_service import service_places
from mcp import StdioServerParameters


def over_stdio(data: Path, *arguments: str) -> StdioServerParameters:
    """Concurrency is 1, so that a call which was not cancelled is in the way of the next."""
    settings = service_places(data) | {"HERMETIC_CONCURRENCY": "1"}
    command, *words = COMMAND
    return StdioServerParameters(
        command=command, args=[*words, "mcp", *arguments], env=dict(os.environ) | settings
    )
