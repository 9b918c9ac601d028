"""What endpoints read from a request, and how they answer."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from hermetic.errors import InvalidInput
from hermetic.grants import Grant
from hermetic.http.service import Service

IDEMPOTENCY_HEADER = "Idempotency-Key"
APPROVAL_HEADER = "Hermetic-Approval"
"""Names the approval that a call waited for."""
_VISIBLE = re.compile(r"[!-~]{1,255}")


def service_of(request: Request) -> Service:
    """What the endpoints work with."""
    return request.app.state.service


async def caller(request: Request) -> Grant:
    """Raises `Unauthenticated` and `NotAllowed`."""
    return await authenticated(service_of(request), request.scope, request.headers)


async def authenticated(service: Service, scope: Scope, headers: Headers) -> Grant:
    """Whose request this is, which is noted for the log. Raises as `caller` does."""
    if service.needs_key:  # which is looked up in the database
        grant = await asyncio.to_thread(service.authenticate, headers)
    else:
        grant = service.authenticate(headers)
    scope["hermetic.grant"] = grant.id
    return grant


def idempotency_key(request: Request) -> str | None:
    """Raises `InvalidInput`."""
    return _visible_header(request, IDEMPOTENCY_HEADER)


def approval(request: Request) -> str | None:
    """Raises `InvalidInput` for what can't be the id of one."""
    return _visible_header(request, APPROVAL_HEADER)


def _visible_header(request: Request, name: str) -> str | None:
    value = request.headers.get(name)
    if value is not None and not _VISIBLE.fullmatch(value):
        raise InvalidInput(f"{name} must have 1 to 255 visible ASCII characters")
    return value


def json_response(
    content: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """ASCII, so that no text from a guest can make it undecodable."""
    body = json.dumps(content).encode("ascii")
    return Response(body, status, headers, media_type="application/json")
