"""The MCP server: `python_execute` and the tools and resources around it, over any transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.request_state import RequestStateSecurity
from mcp_types import CallToolResult, InputRequiredResult, ToolAnnotations

from hermetic.errors import ApprovalRequired, InvalidInput
from hermetic.grants import Grant
from hermetic.kept_files import KeptFiles
from hermetic.mcp.arguments import (
    DEFAULT_TIMEOUT_MS,
    Code,
    Files,
    Inputs,
    Interpreter,
    OptionalSession,
    Requirements,
    Timeout,
    contents_of,
)
from hermetic.mcp.callers import GrantOf
from hermetic.mcp.errors import said_to_the_caller
from hermetic.mcp.links import add_resources, files_of_run, files_of_session
from hermetic.mcp.policing import arguments_of, can_ask, hiding, judging, question, take_answer
from hermetic.mcp.protocol_server import ProtocolServer
from hermetic.mcp.reports import tool_result
from hermetic.mcp.session_tools import add_session_tools
from hermetic.orders import ProgressMade, RunOrder, SessionPlace
from hermetic.policy.decisions import Allowance
from hermetic.policy.enforcing import AdmittedOrder, EnforcedPolicy
from hermetic.runs import RunService
from hermetic.session_limits import session_run_limits
from hermetic.sessions import Sessions
from hermetic.submitted_run import SubmittedRun
from hermetic_runtime.limits import Limits
from hermetic_runtime.results import RunResult

_INSTRUCTIONS = """\
Runs Python in a sandbox, for calculations, for working with data, for checking what code
does. Nothing of the user's machine can be seen or changed from there, and there is no
network. Each call starts afresh, with no variables and files of earlier ones, unless it
names a session: `session_create` makes one."""

_DESCRIPTION = """\
Execute Python (CPython 3.14) in a new sandbox without network. Packages are there if
`requirements` names them.
The result has what was printed, the value of the last expression, and the traceback if
the code failed. Top-level `await` works. Nothing is kept from call to call without a
`session`; one has the packages that it was created with."""


def make_server(
    runs: RunService,
    kept: KeptFiles,
    grant_of: GrantOf,
    *,
    tool_name: str = "python_execute",
    policy: EnforcedPolicy | None = None,
    users_approve: bool = False,
) -> MCPServer[Any]:
    """A server whose runs are those of `runs`, each for the grant that `grant_of` finds.

    `kept` keeps what runs make, so that it can be read as resources. With `users_approve`,
    what needs an approval is asked of the client's own user; otherwise it is refused until
    somebody else has approved it.
    """

    async def python_execute(
        ctx: Context[Any, Any],
        code: Code,
        context: Inputs = None,
        timeout: Timeout = DEFAULT_TIMEOUT_MS,
        requirements: Requirements = None,
        interpreter: Interpreter = "auto",
        files: Files = None,
        session: OptionalSession = None,
    ) -> Annotated[CallToolResult, RunResult] | InputRequiredResult:
        def order(grant: Grant, allowance: Allowance | None = None) -> RunOrder:
            asked = RunOrder(
                code=code,
                inputs=context or {},
                files={path: contents_of(path, file) for path, file in (files or {}).items()},
                requirements=tuple(requirements or ()),
                interpreter=interpreter,
            )
            return placed(asked, grant, timeout / 1000, session, runs.sessions, allowance)

        async def admitted(grant: Grant) -> AdmittedOrder:
            make = partial(order, grant)
            if policy is None:
                needs_a_disk = session is not None
                return AdmittedOrder(await asyncio.to_thread(make) if needs_a_disk else make())
            approval = await take_answer(policy, grant, ctx) if users_approve else None
            return await policy.order(grant, arguments_of(ctx), make, approval=approval)

        with said_to_the_caller():
            grant = grant_of(ctx.request_context)
            try:
                return await _execute(runs, kept, grant, await admitted(grant), ctx)
            except ApprovalRequired as error:
                if users_approve and can_ask(ctx):
                    return question(error, code)
                raise

    server = ProtocolServer(
        "hermetic",
        title="Hermetic",
        version=version("hermetic"),
        instructions=_INSTRUCTIONS,
        log_level="WARNING",
        middleware=[hiding(policy, grant_of)] if policy else [],
        request_state_security=RequestStateSecurity(keys=[policy.state_key]) if policy else None,
    )
    server.add_tool(
        python_execute,
        name=tool_name,
        title="Execute Python",
        description=_DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False,
            destructive_hint=True,
            idempotent_hint=False,
            open_world_hint=False,
        ),
    )
    judged = judging(policy)
    add_session_tools(server, runs.sessions, grant_of, judged)
    add_resources(server, runs.sessions, kept, grant_of, judged)
    return server


def placed(
    order: RunOrder,
    grant: Grant,
    seconds: float,
    session: str | None,
    sessions: Sessions,
    allowance: Allowance | None = None,
) -> RunOrder:
    """The order with its session and its limits. With a session, this may wait for a disk.

    Raises `SessionNotFound`, and `InvalidInput` for what is not for a run in a session.
    """
    if session is None:
        limits = _at_most(seconds, grant.limits if allowance is None else allowance.limits)
        return replace(order, limits=limits, keep_files=True)
    if order.requirements or order.interpreter != "auto":
        raise InvalidInput(
            "a session has the packages and the interpreter that it was created with",
            hint="Give them to session_create.",
        )
    record = sessions.find(grant, session)
    limits = _at_most(seconds, session_run_limits(grant, record, {}, allowance))
    return replace(order, limits=limits, session=SessionPlace(record.id, record.generation))


def _at_most(seconds: float, limits: Limits) -> Limits:
    return limits if limits.wall_seconds <= seconds else replace(limits, wall_seconds=seconds)


async def _execute(
    runs: RunService,
    kept: KeptFiles,
    grant: Grant,
    admitted: AdmittedOrder,
    ctx: Context[Any, Any],
) -> CallToolResult:
    order, admission = admitted
    run = runs.submit(grant, order, followed="progress", admission=admission)
    result = await _follow(run, ctx)
    if order.session is not None:
        return tool_result(result, files_of_session(order.session.id))
    if not result.files:
        if not kept.drop_empty(run.id):
            runs.afterwards(kept.drop_made, run.id)
        return tool_result(result)
    is_kept = await asyncio.to_thread(kept.take_made_if_room, grant, run.id)
    return tool_result(result, files_of_run(run.id) if is_kept else None)


async def _follow(run: SubmittedRun, ctx: Context[Any, Any]) -> RunResult:
    """When the call is cancelled, so is the run."""
    try:
        async for event in run.events():
            if isinstance(event, ProgressMade):
                await ctx.report_progress(event.fraction, 1.0, event.step)
        return await run.result()
    finally:
        run.cancel()


@asynccontextmanager
async def stopping(runs: RunService) -> AsyncGenerator[None]:
    """Leave no run behind."""
    try:
        yield
    finally:
        await asyncio.shield(runs.stop())
