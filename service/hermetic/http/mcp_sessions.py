"""How many sessions of MCP's own each key has open, and a bound on them.

Clients before the revision 2026-07-28 open one with their first request. The SDK bounds
them all together, so that one key could take every place.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from mcp.server.streamable_http import MCP_SESSION_ID_HEADER
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hermetic.errors import TooManyMcpSessions

_BUSY_RETRY_SECONDS = 60


@dataclass(eq=False)
class _Place:
    """Of one session. `id` is None until the session is open."""

    grant: str
    id: str | None = None
    requests: int = 0
    idle_since: float = 0.0


class McpSessions:
    """ASGI middleware around the SDK's sessions; `hermetic.grant` of the scope is the key's.

    A place is free again when its session was ended by the client, was idle for
    `idle_seconds` (after which the SDK ends it), or is not known to the SDK any more.
    """

    def __init__(self, app: ASGIApp, *, most_per_grant: int, idle_seconds: float) -> None:
        self._app = app
        self._most_per_grant = most_per_grant
        self._idle_seconds = idle_seconds
        self._places: dict[str, set[_Place]] = {}
        self._open: dict[str, _Place] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises `TooManyMcpSessions`."""
        place = self._place(scope)
        if place is None:
            await self._app(scope, receive, send)
            return
        ended = place.id is not None and scope["method"] == "DELETE"

        async def watch(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                status: int = message["status"]
                ended = status == 404 or (ended and status < 400)
                if place.id is None and status < 400:
                    self._settle(place, Headers(raw=message["headers"]))
            await send(message)

        place.requests += 1
        try:
            await self._app(scope, receive, watch)
        finally:
            place.requests -= 1
            place.idle_since = time.monotonic()
            if ended or place.id is None:
                self._free(place)

    def _place(self, scope: Scope) -> _Place | None:
        """Of the session that this request is of, or opens; None where there is none."""
        headers = Headers(scope=scope)
        revision = headers.get(MCP_PROTOCOL_VERSION_HEADER)
        if revision is not None and revision not in HANDSHAKE_PROTOCOL_VERSIONS:
            return None
        grant: str = scope["hermetic.grant"]
        session = headers.get(MCP_SESSION_ID_HEADER)
        if session is None:
            return self._take(grant) if scope["method"] == "POST" else None
        place = self._open.get(session)
        return place if place is not None and place.grant == grant else None

    def _take(self, grant: str) -> _Place:
        idle_until = self._idle_until(grant)
        if len(self._places.get(grant, ())) >= self._most_per_grant:
            wait = min(idle_until, default=math.inf) - time.monotonic()
            raise TooManyMcpSessions(
                f"{self._most_per_grant:,} sessions of MCP are open for this key, and no more"
                " may be",
                retry_after_seconds=max(1, math.ceil(min(wait, _BUSY_RETRY_SECONDS))),
                hint="End those that are not needed (DELETE), or use the revision 2026-07-28,"
                " which has none.",
            )
        place = _Place(grant)
        self._places.setdefault(grant, set()).add(place)
        return place

    def _idle_until(self, grant: str) -> list[float]:
        """When those of a key that are idle end; those that have ended are forgotten."""
        ends: list[float] = []
        for place in list(self._places.get(grant, ())):
            end = place.idle_since + self._idle_seconds
            if place.requests == 0 and end <= time.monotonic():
                self._free(place)
            elif place.requests == 0:
                ends.append(end)
        return ends

    def _settle(self, place: _Place, headers: Headers) -> None:
        session = headers.get(MCP_SESSION_ID_HEADER)
        if session is not None:
            place.id = session
            self._open[session] = place

    def _free(self, place: _Place) -> None:
        if place.id is not None:
            self._open.pop(place.id, None)
        places = self._places.get(place.grant, set())
        places.discard(place)
        if not places:
            self._places.pop(place.grant, None)
