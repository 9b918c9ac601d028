"""Who makes a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver import Context

from hermetic.grants import Grant

GrantOf = Callable[["Context[Any, Any]"], Grant]
"""Finds the grant of a call. Raises `Unauthenticated`."""
