"""`hermetic mcp`: the MCP server on stdin and stdout, for a client that started it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace

import anyio

from hermetic.grants import LOCAL
from hermetic.logs import log_to_stderr
from hermetic.mcp.server import make_server, stopping
from hermetic.measurements import Measurements
from hermetic.runs import RunService
from hermetic.settings import ServiceSettings
from hermetic_runtime.errors import HermeticError
from hermetic_runtime.limits import Limits
from hermetic_runtime.preparation import prepare

_log = logging.getLogger("hermetic.mcp")


def serve_stdio(settings: ServiceSettings, limits: Limits) -> int:
    """Until stdin ends; the exit status. A run that is under way then is cancelled."""
    log_to_stderr(logging.WARNING)
    grant = replace(LOCAL, limits=limits)
    settings = replace(settings, shutdown_seconds=0)

    async def serve() -> None:
        runs = RunService(settings, Measurements())
        preparing = asyncio.create_task(asyncio.to_thread(_prepare))
        async with stopping(runs):
            await make_server(runs, lambda _: grant).run_stdio_async()
        preparing.cancel()
        with suppress(asyncio.CancelledError):
            await preparing

    anyio.run(serve)
    return 0


def _prepare() -> None:
    """Ahead of the first call, which says what went wrong if this did."""
    try:
        prepare()
    except HermeticError as error:
        _log.warning("the interpreter could not be prepared: %s", error.message)
