"""The ASGI application: routes, and what starts and ends with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from hermetic.grants import Grant
from hermetic.http import environment_endpoints, file_endpoints, session_endpoints
from hermetic.http.description_page import POLICY, page
from hermetic.http.mcp_endpoint import McpEndpoint
from hermetic.http.openapi import document
from hermetic.http.problems import MethodNotAllowed, NoSuchPlace, ServiceFault, problem_response
from hermetic.http.request_log import RequestLog
from hermetic.http.requests import json_response, service_of
from hermetic.http.run_endpoints import remove_run, run, show_run
from hermetic.http.service import Service
from hermetic.measurements import CONTENT_TYPE
from hermetic.policy.enforcing import kept_seconds
from hermetic_runtime.errors import HermeticError
from hermetic_runtime.preparation import prepare

_log = logging.getLogger("hermetic.http")
Endpoint = Callable[[Request], Awaitable[Response]]


class _AnyPath(PathConvertor):
    """Starlette's own ends at a line feed, which a name may have."""

    regex = r"[\s\S]*"


register_url_convertor("any_path", _AnyPath())


def application(service: Service, grants: Callable[[str], Grant | None]) -> ASGIApp:
    """The service as an ASGI application; `grants` finds a grant by its id."""
    mcp = McpEndpoint(service)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(mcp.running())
            if service.policy is not None:
                most = service.settings.session_kept_seconds
                service.runs.sessions.kept_seconds = kept_seconds(service.policy, grants, most)
            await service.kept.recover(grants)
            tasks = [
                asyncio.create_task(_make_ready(service)),
                asyncio.create_task(service.kept.sweep()),
                asyncio.create_task(service.files.sweep()),
                asyncio.create_task(service.answers.sweep()),
                asyncio.create_task(service.runs.sessions.sweep()),
            ]
            try:
                yield
            finally:
                service.environments.close()
                await service.runs.stop()
                await service.kept.settle()
                for task in tasks:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    app = Starlette(
        routes=[
            _route("/v1/run", POST=run),
            _route("/v1/runs/{id}", GET=show_run, DELETE=remove_run),
            *_session_routes(),
            _route("/v1/runs/{id}/files", GET=file_endpoints.list_run_files),
            _route("/v1/runs/{id}/files/{path:any_path}", GET=file_endpoints.read_run_file),
            _route("/v1/files", GET=file_endpoints.list_uploads, POST=file_endpoints.upload),
            _route("/v1/files/{id}", DELETE=file_endpoints.delete_upload),
            _route(
                "/v1/environments",
                GET=environment_endpoints.list_environments,
                POST=environment_endpoints.build_environment,
            ),
            _route("/v1/environments/{id}", GET=environment_endpoints.show_environment),
            _route("/healthz", GET=_is_alive),
            _route("/readyz", GET=_is_ready),
            _route("/metrics", GET=_metrics),
            _route("/openapi.json", GET=_openapi),
            _route("/docs", GET=_docs),
            Route("/mcp", mcp),
            Route("/mcp/", mcp),
        ],
        exception_handlers={
            HermeticError: _answer_error,
            HTTPException: _answer_http_exception,
            Exception: _answer_fault,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return RequestLog(app, service.measurements)


def _route(path: str, **endpoints: Endpoint) -> Route:
    """A path, and what answers each of its methods."""
    allowed = ["OPTIONS", *endpoints, *(["HEAD"] if "GET" in endpoints else [])]

    async def dispatch(request: Request) -> Response:
        request.scope["hermetic.route"] = path
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": ", ".join(allowed)})
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, dispatch, methods=allowed)


def _session_routes() -> list[Route]:
    place = "/v1/sessions/{id}"
    return [
        _route(
            "/v1/sessions",
            GET=session_endpoints.list_sessions,
            POST=session_endpoints.create_session,
        ),
        _route(place, GET=session_endpoints.show_session, DELETE=session_endpoints.delete_session),
        _route(f"{place}/fork", POST=session_endpoints.fork_session),
        _route(f"{place}/hibernate", POST=session_endpoints.hibernate_session),
        _route(f"{place}/restart", POST=session_endpoints.restart_session),
        _route(f"{place}/restore", POST=session_endpoints.restore_session),
        _route(f"{place}/checkpoints", POST=session_endpoints.make_checkpoint),
        _route(f"{place}/checkpoints/{{checkpoint}}", DELETE=session_endpoints.delete_checkpoint),
        _route(f"{place}/files", GET=file_endpoints.list_session_files),
        _route(
            f"{place}/files/{{path:any_path}}",
            GET=file_endpoints.read_session_file,
            PUT=file_endpoints.write_session_file,
            DELETE=file_endpoints.delete_session_file,
        ),
    ]


async def _make_ready(service: Service) -> None:
    """Prepare the interpreter before the first run asks for it."""
    try:
        await asyncio.to_thread(prepare)
    except HermeticError:
        _log.exception("the interpreter could not be prepared")
    else:
        service.ready = True
        _log.info("ready")


async def _is_alive(_: Request) -> Response:
    return PlainTextResponse("alive\n")


async def _is_ready(request: Request) -> Response:
    service = service_of(request)
    if service.ready and not service.runs.stopping:
        return PlainTextResponse("ready\n")
    return PlainTextResponse("not ready\n", 503)


async def _metrics(request: Request) -> Response:
    return Response(service_of(request).measurements.text(), media_type=CONTENT_TYPE)


async def _openapi(request: Request) -> Response:
    return json_response(document(needs_key=service_of(request).needs_key))


async def _docs(_: Request) -> Response:
    return Response(page(), headers={"Content-Security-Policy": POLICY}, media_type="text/html")


async def _answer_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HermeticError)
    return problem_response(error)


async def _answer_fault(_: Request, _error: Exception) -> Response:
    """The router raises it again, so that it comes to the log."""
    return problem_response(ServiceFault())


async def _answer_http_exception(_: Request, error: Exception) -> Response:
    """What the router refuses."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        response = problem_response(
            MethodNotAllowed(
                "this path does not take this method", hint="The header Allow names those it takes."
            )
        )
        response.headers.update(error.headers or {})
        return response
    return problem_response(
        NoSuchPlace("there is nothing at this path", hint="/docs shows all paths there are.")
    )
