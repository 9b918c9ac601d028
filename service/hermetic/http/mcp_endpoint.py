"""`/mcp`: the MCP server over streamable HTTP, behind the same keys."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from hermetic.errors import HermeticError, Unauthenticated
from hermetic.grants import Grant
from hermetic.http.bodies import bounded
from hermetic.http.mcp_sessions import McpSessions
from hermetic.http.problems import problem_response
from hermetic.http.requests import authenticated
from hermetic.http.service import Service
from hermetic.mcp.server import make_server

_CALLER = "hermetic.caller"
_MOST_SESSIONS = 10_000
_BOUNDED_BEFORE = 2**62
"""Bodies come to the SDK within bounds."""


class McpEndpoint:
    """An ASGI application. A session of the protocol belongs to the key that opened it."""

    def __init__(self, service: Service) -> None:
        server = make_server(
            service.runs,
            service.files,
            _grant_of,
            tool_name=service.settings.tool_name,
            policy=service.policy,
            users_approve=not service.needs_key,
        )
        # Hosts and origins are checked where callers are.
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        server.streamable_http_app(
            transport_security=security,
            session_idle_timeout=service.settings.mcp_session_idle_seconds,
            max_sessions=_MOST_SESSIONS,
            max_request_body_size=_BOUNDED_BEFORE,
        )
        self._sessions = server.session_manager
        self._within_bounds = McpSessions(
            self._sessions.handle_request,
            most_per_grant=service.settings.mcp_sessions_per_grant,
            idle_seconds=service.settings.mcp_session_idle_seconds,
        )
        self._service = service

    def running(self) -> AbstractAsyncContextManager[None]:
        """Sessions are served while this is entered."""
        return self._sessions.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["hermetic.route"] = "/mcp"
        try:
            grant = await authenticated(self._service, scope, Headers(scope=scope))
        except HermeticError as error:
            await problem_response(error)(scope, receive, send)
            return
        scope[_CALLER] = grant
        scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=grant.id, scopes=[]))
        settings = self._service.settings
        receive = bounded(
            scope, receive, most=settings.body_bytes, patience=settings.body_wait_seconds
        )
        await self._within_bounds(scope, receive, send)


def _grant_of(context: ServerRequestContext[Any, Any]) -> Grant:
    """Raises `Unauthenticated` for a call that came in no other way than through here."""
    request = context.request
    grant = request.scope.get(_CALLER) if request is not None else None
    if not isinstance(grant, Grant):
        raise Unauthenticated("a key is needed", hint="Send the header Authorization: Bearer KEY.")
    return grant
