"""What endpoints read from a request, and how they answer."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hermetic.errors import InvalidInput
from hermetic.grants import Grant
from hermetic.http.service import Service

IDEMPOTENCY_HEADER = "Idempotency-Key"
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")


def service_of(request: Request) -> Service:
    return request.app.state.service


async def caller(request: Request) -> Grant:
    """Raises `Unauthenticated` and `NotAllowed`."""
    service = service_of(request)
    if service.needs_key:  # which is looked up in the database
        grant = await asyncio.to_thread(service.authenticate, request.headers)
    else:
        grant = service.authenticate(request.headers)
    request.scope["hermetic.grant"] = grant.id
    return grant


def idempotency_key(request: Request) -> str | None:
    """Raises `InvalidInput`."""
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidInput(f"{IDEMPOTENCY_HEADER} must have 1 to 255 visible ASCII characters")
    return key


def json_response(
    content: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """ASCII, so that no text from a guest can make it undecodable."""
    body = json.dumps(content).encode("ascii")
    return Response(body, status, headers, media_type="application/json")
