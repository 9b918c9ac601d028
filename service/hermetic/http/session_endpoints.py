"""`/v1/sessions` and what can be done with one."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from hermetic.errors import NotAllowed
from hermetic.grants import Grant
from hermetic.http.bodies import parse
from hermetic.http.judging import judged
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
    given = parse(NewSessionBody, body, "a session")
    sessions = _sessions(request)
    asked = given.model_dump(mode="json", exclude_unset=True)
    async with judged(request, grant, "session_create", asked) as allowance:
        order = given.order(grant, allowance)
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
    async with judged(request, grant, "session_close", {"session": _id(request)}):
        await sessions.in_thread(lambda: sessions.use(grant, _id(request), Session.delete))
    return Response(status_code=204)


@posting
async def fork_session(request: Request, grant: Grant, body: bytes) -> Response:
    """POST /v1/sessions/{id}/fork."""
    name = parse(ForkBody, body, "a fork").name
    sessions, session = _sessions(request), _id(request)
    async with judged(request, grant, "session_fork", {"session": session}) as allowance:
        most = allowance.sessions.most if allowance else None
        return _created(await sessions.in_thread(lambda: sessions.fork(grant, session, name, most)))


@posting
async def hibernate_session(request: Request, grant: Grant, body: bytes) -> Response:
    """POST /v1/sessions/{id}/hibernate."""
    parse(NothingBody, body, "an empty object")
    return await _changed(request, grant, "session_hibernate", Session.hibernate)


@posting
async def restart_session(request: Request, grant: Grant, body: bytes) -> Response:
    """POST /v1/sessions/{id}/restart."""
    parse(NothingBody, body, "an empty object")
    return await _changed(request, grant, "session_restart", Session.restart)


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

    return await _changed(request, grant, "session_checkpoint", make)


@posting
async def restore_session(request: Request, grant: Grant, body: bytes) -> Response:
    """POST /v1/sessions/{id}/restore."""
    name = parse(CheckpointBody, body, "a checkpoint").name
    return await _changed(request, grant, "session_restore", lambda session: session.restore(name))


async def delete_checkpoint(request: Request) -> Response:
    """DELETE /v1/sessions/{id}/checkpoints/{name}."""
    grant, sessions = await caller(request), _sessions(request)
    name = request.path_params["checkpoint"]
    async with judged(request, grant, "session_checkpoint", {"session": _id(request)}):
        await sessions.in_thread(
            lambda: sessions.use(grant, _id(request), lambda session: session.drop_checkpoint(name))
        )
    return Response(status_code=204)


async def _changed(
    request: Request, grant: Grant, tool: str, change: Callable[[Session], None]
) -> Response:
    """The session, after the change, which is judged as a call of `tool`."""
    sessions = _sessions(request)

    def work() -> SessionView:
        sessions.use(grant, _id(request), change)
        return sessions.show(grant, _id(request))

    async with judged(request, grant, tool, {"session": _id(request)}):
        return json_response(session_fields(await sessions.in_thread(work)))
