"""Errors of ours as a tool's caller gets them: in our words, for a model to read."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from mcp.server.mcpserver.exceptions import ToolError

from hermetic.errors import HermeticError


@contextmanager
def said_to_the_caller() -> Generator[None]:
    """Raises `ToolError` for what is raised inside."""
    try:
        yield
    except HermeticError as error:
        hint = f"\n{error.hint}" if error.hint else ""
        raise ToolError(f"{error.message} [{error.code}]{hint}") from error
