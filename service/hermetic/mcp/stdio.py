"""`hermetic mcp`: the MCP server on stdin and stdout, for a client that started it."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from hermetic.database import Database
from hermetic.grants import LOCAL, Grant
from hermetic.kept_files import KeptFiles
from hermetic.logs import log_to_stderr
from hermetic.mcp.server import make_server, stopping
from hermetic.measurements import Measurements
from hermetic.policy.enforcing import EnforcedPolicy, enforced
from hermetic.runs import RunService
from hermetic.settings import ServiceSettings
from hermetic.tracing import Tracing, tracing_for
from hermetic_runtime.errors import HermeticError
from hermetic_runtime.limits import Limits
from hermetic_runtime.preparation import prepare

_log = logging.getLogger("hermetic.mcp")


def serve_stdio(settings: ServiceSettings, limits: Limits) -> int:
    """Until stdin ends; the exit status. A run that is under way then is cancelled.

    Raises what `enforced` and `tracing_for` do.
    """
    log_to_stderr(logging.WARNING)
    grant = replace(LOCAL, limits=limits)
    tracing = tracing_for(os.environ)
    with enforced(settings) as policy, TemporaryDirectory(prefix="hermetic-mcp-") as folder:
        # What calls make is kept for this client only; sessions are where they always are.
        settings = replace(settings, shutdown_seconds=0, data_directory=Path(folder))
        database = Database(settings.data_directory)
        try:
            anyio.run(_serve, settings, KeptFiles(database, settings), grant, policy, tracing)
        finally:
            database.close()
            if tracing is not None:
                tracing.close()
    return 0


async def _serve(
    settings: ServiceSettings,
    files: KeptFiles,
    grant: Grant,
    policy: EnforcedPolicy | None,
    tracing: Tracing | None,
) -> None:
    runs = RunService(settings, Measurements())
    runs.tracing = tracing
    preparing = asyncio.create_task(asyncio.to_thread(_prepare))
    async with stopping(runs):
        server = make_server(
            runs,
            files,
            lambda _: grant,
            tool_name=settings.tool_name,
            policy=policy,
            users_approve=True,
        )
        await server.run_stdio_async()
    preparing.cancel()
    with suppress(asyncio.CancelledError):
        await preparing


def _prepare() -> None:
    """Ahead of the first call, which says what went wrong if this did."""
    try:
        prepare()
    except HermeticError as error:
        _log.warning("the interpreter could not be prepared: %s", error.message)
