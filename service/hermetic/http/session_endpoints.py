"""`/v1/sessions` and what can be done with one."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from hermetic.errors import NotAllowed
from hermetic.grants import Grant
from hermetic.http.bodies import parse
from hermetic.http.posting import posting
from hermetic.http.requests import caller, json_response, service_of
from hermetic.http.session_schemas import (
    CheckpointBody,
    ForkBody,
    NewSessionBody,
    NothingBody,
    session_fields,
)
from hermetic.session_orders import SessionView
from hermetic.sessions import Sessions
from hermetic_runtime.sessions.session import Session

MOST_CHECKPOINTS = 20


def _sessions(request: Request) -> Sessions:
    return service_of(request).runs.sessions


def _id(request: Request) -> str:
    return request.path_params["id"]


@posting
async def create_session(request: Request, grant: Grant, body: bytes) -> Response:
    """POST /v1/sessions."""
    order = parse(NewSessionBody, body, "a session").order(grant)
    sessions = _sessions(request)
    return _created(await sessions.in_thread(lambda: sessions.create(grant, order)))


def _created(view: SessionView) -> Response:
    headers = {"Location": f"/v1/sessions/{view.record.id}"}
    return json_response(session_fields(view), 201, headers)


async def list_sessions(request: Request) -> Response:
    """GET /v1/sessions."""
    grant, sessions = await caller(request), _sessions(request)
    views = await sessions.in_thread(lambda: sessions.list(grant))
    return json_response({"sessions": [session_fields(view) for view in views]})


async def show_session(request: Request) -> Response:
    """GET /v1/sessions/{id}."""
    grant, sessions = await caller(request), _sessions(request)
    view = await sessions.in_thread(lambda: sessions.show(grant, _id(request)))
    return json_response(session_fields(view))


async def delete_session(request: Request) -> Response:
    """DELETE /v1/sessions/{id}."""
    grant, sessions = await caller(request), _sessions(request)
    await sessions.in_thread(lambda: sessions.use(grant, _id(request), Session.delete))
    return Response(status_code=204)


@posting
async def fork_session(request: Request, grant: Grant, body: bytes) -> Response:
    """POST /v1/sessions/{id}/fork."""
    name = parse(ForkBody, body, "a fork").name
    sessions = _sessions(request)
    return _created(await sessions.in_thread(lambda: sessions.fork(grant, _id(request), name)))


@posting
async def hibernate_session(request: Request, grant: Grant, body: bytes) -> Response:
    """POST /v1/sessions/{id}/hibernate."""
    parse(NothingBody, body, "an empty object")
    return await _changed(request, grant, Session.hibernate)


@posting
async def restart_session(request: Request, grant: Grant, body: bytes) -> Response:
    """POST /v1/sessions/{id}/restart."""
    parse(NothingBody, body, "an empty object")
    return await _changed(request, grant, Session.restart)


@posting
async def make_checkpoint(request: Request, grant: Grant, body: bytes) -> Response:
    """POST /v1/sessions/{id}/checkpoints."""
    name = parse(CheckpointBody, body, "a checkpoint").name

    def make(session: Session) -> None:
        names = {it.name for it in session.checkpoints()}
        if name not in names and len(names) >= MOST_CHECKPOINTS:
            raise NotAllowed(
                f"the session has {MOST_CHECKPOINTS} checkpoints, as many as it may",
                hint="Delete one, or give the name of one that is to be replaced.",
            )
        session.checkpoint(name)

    return await _changed(request, grant, make)


@posting
async def restore_session(request: Request, grant: Grant, body: bytes) -> Response:
    """POST /v1/sessions/{id}/restore."""
    name = parse(CheckpointBody, body, "a checkpoint").name
    return await _changed(request, grant, lambda session: session.restore(name))


async def delete_checkpoint(request: Request) -> Response:
    """DELETE /v1/sessions/{id}/checkpoints/{name}."""
    grant, sessions = await caller(request), _sessions(request)
    name = request.path_params["checkpoint"]
    await sessions.in_thread(
        lambda: sessions.use(grant, _id(request), lambda session: session.drop_checkpoint(name))
    )
    return Response(status_code=204)


async def _changed(request: Request, grant: Grant, change: Callable[[Session], None]) -> Response:
    """The session, after the change."""
    sessions = _sessions(request)

    def work() -> SessionView:
        sessions.use(grant, _id(request), change)
        return sessions.show(grant, _id(request))

    return json_response(session_fields(await sessions.in_thread(work)))
