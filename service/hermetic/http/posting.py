"""What every POST of a JSON body but runs has in common: who, how much, and only once."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from hermetic.grants import Grant
from hermetic.http.bodies import read_body
from hermetic.http.requests import caller, idempotency_key, service_of
from hermetic.kept_answers import KeptAnswer

BODY_BYTES = 1_000_000
"""The most of a body that holds no code and no files."""
_KEPT_HEADERS = ("content-type", "location")

Posted = Callable[[Request, Grant, bytes], Awaitable[Response]]


def posting(endpoint: Posted) -> Callable[[Request], Awaitable[Response]]:
    """`endpoint` gets the caller and the body; with an idempotency key it is called once."""

    async def post(request: Request) -> Response:
        grant = await caller(request)
        most = min(BODY_BYTES, service_of(request).settings.body_bytes)
        body = await read_body(request, most)
        return await answered_once(request, grant, body, lambda: endpoint(request, grant, body))

    return post


async def answered_once(
    request: Request, grant: Grant, contents: bytes, work: Callable[[], Awaitable[Response]]
) -> Response:
    """What `work` answers, now or to an earlier request with the same key and contents.

    Raises `InvalidInput` and `IdempotencyConflict`.
    """
    key = idempotency_key(request)
    if key is None:
        return await work()

    async def answer() -> KeptAnswer:
        response = await work()
        headers = {
            name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers
        }
        return KeptAnswer(response.status_code, headers, bytes(response.body))

    digest = hashlib.sha256(request.url.path.encode() + b"\0" + contents).digest()
    kept = await service_of(request).answers.once(grant, key, digest, answer)
    return Response(kept.body, kept.status, dict(kept.headers))
