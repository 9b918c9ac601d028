"""Around every request: an id, a line in the log, counts, and an answer to what went wrong.

The log tells neither code nor keys: of a request only its method, its route, who made it
and how it ended.
"""

from __future__ import annotations

import logging
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hermetic.http.problems import ServiceFault, problem_response
from hermetic.http.request_heads import check_head
from hermetic.logs import log_event
from hermetic.measurements import Measurements
from hermetic_runtime.errors import HermeticError

_log = logging.getLogger("hermetic.http")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class RequestLog:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, measurements: Measurements) -> None:
        self._app = app
        self._measurements = measurements

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = secrets.token_hex(8)
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                named = (b"x-request-id", request_id.encode("ascii"))
                guarded = (b"x-content-type-options", b"nosniff")
                message["headers"] = [*message.get("headers", ()), named, guarded]
            await send(message)

        try:
            check_head(scope)
            await self._app(scope, receive, note)
        except Exception as error:
            if not isinstance(error, HermeticError):
                _log.exception("a request failed", extra={"request": request_id})
                error = ServiceFault()
            if status == 0:
                await problem_response(error)(scope, receive, note)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = route_of(scope)
            self._measurements.requests.labels(method, route, str(status)).inc()
            log_event(
                _log,
                "request",
                request=request_id,
                method=method,
                route=route,
                status=status,
                grant=scope.get("hermetic.grant"),
                seconds=round(time.perf_counter() - began, 4),
            )


def route_of(scope: Scope) -> str:
    """The path's pattern, never the path: there is no end to those."""
    return str(scope.get("hermetic.route", "none"))
