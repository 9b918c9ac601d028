"""Policy over requests that run no code."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import Request

from hermetic.grants import Grant
from hermetic.http.requests import approval, service_of
from hermetic.policy.decisions import Allowance


@asynccontextmanager
async def judged(
    request: Request, grant: Grant, tool: str, arguments: Mapping[str, Any]
) -> AsyncGenerator[Allowance | None]:
    """For what happens inside: what policy allows, or None where there is no policy.

    It counts unless it fails. Raises what `EnforcedPolicy.judged` does, and `InvalidInput`.
    """
    policy = service_of(request).policy
    if policy is None:
        yield None
        return
    async with policy.judged(grant, tool, arguments, approval=approval(request)) as allowance:
        yield allowance
