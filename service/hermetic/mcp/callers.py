"""Who makes a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp.server.context import ServerRequestContext

from hermetic.grants import Grant

GrantOf = Callable[["ServerRequestContext[Any, Any]"], Grant]
"""Finds the grant of a call. Raises `Unauthenticated`."""
