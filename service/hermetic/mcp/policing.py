"""Policy in the protocol's own way: tools that are hidden, and people who are asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from mcp.server.mcpserver import Context
from mcp_types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListToolsResult,
)

from hermetic.errors import ApprovalRequired
from hermetic.grants import Grant
from hermetic.policy.decisions import Allowance
from hermetic.policy.enforcing import EnforcedPolicy

Judged = Callable[[Grant, str, Mapping[str, Any]], AbstractAsyncContextManager["Allowance | None"]]
"""Entered for what happens inside, a call of the named tool with these arguments."""
_QUESTION = "approval"
_FIRST_VERSION_WITH_QUESTIONS = "2026-07-28"
_MOST_SHOWN = 2000


def hiding(
    policy: EnforcedPolicy, grant_of: Callable[[ServerRequestContext[Any, Any]], Grant]
) -> ServerMiddleware[Any]:
    """Middleware that leaves what is hidden from a grant out of the list of tools."""

    async def middleware(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method != "tools/list":
            return result
        grant = grant_of(ctx)
        if isinstance(result, ListToolsResult):
            shown = [tool for tool in result.tools if not policy.hides(grant, tool.name)]
            return result.model_copy(update={"tools": shown})
        if isinstance(result, Mapping):
            tools = cast("list[dict[str, Any]]", result.get("tools", []))
            shown = [tool for tool in tools if not policy.hides(grant, tool["name"])]
            return {**result, "tools": shown}
        return result

    return middleware


def judging(policy: EnforcedPolicy | None) -> Judged:
    """How tools that run no code are judged; everything is allowed without a policy."""

    @asynccontextmanager
    async def judged(
        grant: Grant, tool: str, arguments: Mapping[str, Any]
    ) -> AsyncGenerator[Allowance | None]:
        if policy is None:
            yield None
            return
        async with policy.judged(grant, tool, arguments) as allowance:
            yield allowance

    return judged


def arguments_of(context: Context[Any, Any]) -> dict[str, Any]:
    """The arguments of the call under way, in JSON as the client sent them."""
    params = context.request_context.params or {}
    return cast("dict[str, Any]", params.get("arguments") or {})


def can_ask(context: Context[Any, Any]) -> bool:
    """Whether the client can put a question to its user between two tries of a call, and has
    not done so already.
    """
    version = context.protocol_version
    capabilities = context.client_capabilities
    return (
        not context.input_responses
        and version is not None
        and version >= _FIRST_VERSION_WITH_QUESTIONS
        and capabilities is not None
        and capabilities.elicitation is not None
    )


def question(required: ApprovalRequired, code: str) -> InputRequiredResult:
    """Ask the client's user. The state names the approval; the server seals it."""
    shown = code if len(code) <= _MOST_SHOWN else f"{code[:_MOST_SHOWN]}\n…"
    return InputRequiredResult(
        request_state=required.approval,
        input_requests={
            _QUESTION: ElicitRequest(
                params=ElicitRequestFormParams(
                    message=f"{required.message}\n\nMay this be run?\n\n{shown}",
                    requested_schema={"type": "object", "properties": {}},
                )
            )
        },
    )


async def take_answer(
    policy: EnforcedPolicy, grant: Grant, context: Context[Any, Any]
) -> str | None:
    """Settle the approval that the user was asked for, if there is an answer: its id.

    Raises `UnknownApproval`, `ApprovalSettled` and `StorageError`.
    """
    approval = context.request_state
    answer = (context.input_responses or {}).get(_QUESTION)
    if approval is None or not isinstance(answer, ElicitResult) or answer.action == "cancel":
        return approval
    await asyncio.to_thread(
        policy.gate.settle,
        approval,
        approved=answer.action == "accept",
        by=f"the user of the MCP client of {grant.name}",
        grant=grant.id,
    )
    return approval
