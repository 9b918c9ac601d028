"""The MCP server: one tool, `python_execute`, over any transport."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field, StrictStr

from hermetic.errors import HermeticError, MalformedBody
from hermetic.grants import Grant, narrowed
from hermetic.mcp.reports import tool_result
from hermetic.orders import Ended, ProgressMade, RunOrder
from hermetic.runs import RunService
from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.results import RunResult

_INSTRUCTIONS = """\
Runs Python in a sandbox, for calculations, for working with data, for checking what code
does. Nothing of the user's machine can be seen or changed from there, and there is no
network. Each call starts afresh: no variables and files are left of earlier ones."""

_DESCRIPTION = """\
Execute Python (CPython 3.14) in a new sandbox without network. Packages are there if
`requirements` names them.
The result has what was printed, the value of the last expression, and the traceback if
the code failed. Top-level `await` works. Nothing is kept from call to call."""

_DEFAULT_TIMEOUT_MS = 60_000
_LONGEST_TIMEOUT_MS = 86_400_000
_MOST_REQUIREMENTS = 200

GrantOf = Callable[["Context[Any, Any]"], Grant]
"""Finds who makes a call."""


class Base64File(BaseModel):
    """A file that holds any bytes."""

    model_config = ConfigDict(extra="forbid")
    base64: StrictStr = Field(json_schema_extra={"contentEncoding": "base64"})


Code = Annotated[StrictStr, Field(description="Python source.")]
Inputs = Annotated[
    dict[str, Any] | None,
    Field(description="JSON values that become global variables of the code, by name."),
]
Timeout = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=_LONGEST_TIMEOUT_MS,
        description="Milliseconds that the code may take; never more than the server allows.",
    ),
]
Files = Annotated[
    dict[str, StrictStr | Base64File] | None,
    Field(description="Files to write below /workspace, the working directory: path to text."),
]

Requirements = Annotated[
    list[StrictStr] | None,
    Field(
        max_length=_MOST_REQUIREMENTS,
        description="Packages that the code imports, as for pip: `pandas`, `numpy>=2`.",
    ),
]
Interpreter = Annotated[
    InterpreterName, Field(description="Leave it at `auto` unless packages need another one.")
]


def make_server(runs: RunService, grant_of: GrantOf) -> MCPServer[Any]:
    """A server whose runs are those of `runs`, each for the grant that `grant_of` finds."""

    async def python_execute(
        ctx: Context[Any, Any],
        code: Code,
        context: Inputs = None,
        timeout: Timeout = _DEFAULT_TIMEOUT_MS,
        requirements: Requirements = None,
        interpreter: Interpreter = "auto",
        files: Files = None,
    ) -> Annotated[CallToolResult, RunResult]:
        try:
            grant = grant_of(ctx)
            seconds = min(timeout / 1000, grant.limits.wall_seconds)
            order = RunOrder(
                code=code,
                inputs=context or {},
                files={path: _contents(path, file) for path, file in (files or {}).items()},
                requirements=tuple(requirements or ()),
                interpreter=interpreter,
                limits=narrowed(grant, {"wall_seconds": seconds}),
            )
            return tool_result(await _execute(runs, grant, order, ctx))
        except HermeticError as error:
            hint = f"\n{error.hint}" if error.hint else ""
            raise ToolError(f"{error.message} [{error.code}]{hint}") from error

    server = MCPServer[Any](
        "hermetic",
        title="Hermetic",
        version=version("hermetic"),
        instructions=_INSTRUCTIONS,
        log_level="WARNING",
    )
    server.add_tool(
        python_execute,
        title="Execute Python",
        description=_DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=True,
            destructive_hint=False,
            idempotent_hint=False,
            open_world_hint=False,
        ),
    )
    return server


async def _execute(
    runs: RunService, grant: Grant, order: RunOrder, ctx: Context[Any, Any]
) -> RunResult:
    """Follow the run; when the call is cancelled, so is the run."""
    run = runs.submit(grant, order, streams=True)
    try:
        async for event in run.events():
            match event:
                case ProgressMade(step, fraction):
                    await ctx.report_progress(fraction, 1.0, step)
                case Ended(result):
                    return result
                case _:
                    continue
        return await run.result()
    finally:
        run.cancel()


def _contents(path: str, file: str | Base64File) -> bytes:
    if isinstance(file, str):
        return file.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(file.base64, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedBody(f"the file {path[:60]!r} is not base64") from None


@asynccontextmanager
async def stopping(runs: RunService) -> AsyncGenerator[None]:
    """Leave no run behind."""
    try:
        yield
    finally:
        await asyncio.shield(runs.stop())
