"""`hermetic serve` and `hermetic mcp`."""

from __future__ import annotations

import argparse
import os

from hermetic.cli.limits import read_limits
from hermetic.settings import ServiceSettings


def serve(options: argparse.Namespace) -> int:
    """Serve HTTP until a signal; the exit status."""
    settings = ServiceSettings.read(os.environ, {"host": options.host, "port": options.port})
    from hermetic.http.serving import serve as serve_http

    return serve_http(settings, needs_key=not options.no_key)


def serve_mcp(options: argparse.Namespace) -> int:
    """Serve MCP on stdin and stdout until stdin ends; the exit status."""
    settings = ServiceSettings.read(os.environ)
    from hermetic.mcp.stdio import serve_stdio

    return serve_stdio(settings, read_limits(options))
