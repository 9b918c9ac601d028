"""`hermetic serve` and `hermetic mcp`."""

from __future__ import annotations

import argparse
import os
from typing import Any

from hermetic.cli.limits import read_limits
from hermetic.settings import ServiceSettings


def serve(options: argparse.Namespace) -> int:
    """Serve HTTP until a signal; the exit status."""
    given = {"host": options.host, "port": options.port, "shared": options.shared}
    given |= _policy(options)
    settings = ServiceSettings.read(os.environ, given)
    from hermetic.http.serving import serve as serve_http

    return serve_http(settings, needs_key=not options.no_key)


def serve_mcp(options: argparse.Namespace) -> int:
    """Serve MCP on stdin and stdout until stdin ends; the exit status.

    What the environment says of sharing is for services, and not for a model's code.
    """
    settings = ServiceSettings.read(os.environ, _policy(options) | {"shared": options.shared})
    from hermetic.mcp.stdio import serve_stdio

    return serve_stdio(settings, read_limits(options))


def _policy(options: argparse.Namespace) -> dict[str, Any]:
    return {"policy": options.policy, "tool_name": options.tool_name}
