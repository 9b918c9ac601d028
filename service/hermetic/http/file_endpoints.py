"""`/v1/sessions/{id}/files/…`, `/v1/runs/{id}/files/…` and `/v1/files`."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from mmap import ACCESS_READ, mmap
from typing import BinaryIO

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from hermetic.errors import BodyTooLarge, SessionNotFound, UnknownFile
from hermetic.http.bodies import read_file
from hermetic.http.conditions import check_absence, check_conditions, entity_tag
from hermetic.http.file_responses import OpenFile, path_in_workspace
from hermetic.http.judging import judged
from hermetic.http.posting import answered_once
from hermetic.http.requests import caller, json_response, service_of
from hermetic.http.session_schemas import upload_fields, workspace_fields
from hermetic.kept_files import UPLOAD_BYTES
from hermetic_runtime.sessions.session import Session
from hermetic_runtime.sessions.workspace import Workspace, checked_path


async def list_session_files(request: Request) -> Response:
    """GET /v1/sessions/{id}/files."""
    async with _session_workspace(request, "workspace_list") as workspace:
        return json_response(await asyncio.to_thread(workspace_fields, workspace))


async def read_session_file(request: Request) -> Response:
    """GET and HEAD /v1/sessions/{id}/files/{path}."""
    path = path_in_workspace(request)
    async with _session_workspace(request, "workspace_read", path=path) as workspace:
        return await _file(request, workspace)


@asynccontextmanager
async def _session_workspace(
    request: Request, tool: str, **arguments: str
) -> AsyncGenerator[Workspace]:
    """What is done with it is judged as a call of `tool`."""
    grant, sessions = await caller(request), service_of(request).runs.sessions
    id_ = request.path_params["id"]
    async with judged(request, grant, tool, {"session": id_, **arguments}):
        yield await sessions.in_thread(lambda: sessions.workspace(grant, id_))


async def list_run_files(request: Request) -> Response:
    """GET /v1/runs/{id}/files."""
    workspace = await _run_workspace(request)
    return json_response(await asyncio.to_thread(workspace_fields, workspace))


async def read_run_file(request: Request) -> Response:
    """GET and HEAD /v1/runs/{id}/files/{path}."""
    return await _file(request, await _run_workspace(request))


async def _run_workspace(request: Request) -> Workspace:
    grant, files = await caller(request), service_of(request).files
    return await asyncio.to_thread(files.made, grant, request.path_params["id"])


async def _file(request: Request, workspace: Workspace) -> Response:
    path = path_in_workspace(request)
    try:
        file = await asyncio.to_thread(workspace.open, path)
    except SessionNotFound as error:
        raise UnknownFile(error.message) from None
    return OpenFile(file, request)


async def write_session_file(request: Request) -> Response:
    """PUT /v1/sessions/{id}/files/{path}."""
    grant, service = await caller(request), service_of(request)
    sessions, id_ = service.runs.sessions, request.path_params["id"]
    path = path_in_workspace(request)
    checked_path(path)
    room = await sessions.in_thread(lambda: sessions.room(grant, id_))
    with service.files.incoming() as file:
        try:
            await read_file(request, room, file)
        except BodyTooLarge as error:
            raise BodyTooLarge(
                f"{error.message}, which is what the session's workspace has room for"
            ) from None

        def put(session: Session) -> Response:
            return _put(session, path, file, request.headers)

        async with judged(request, grant, "workspace_write", {"session": id_, "path": path}):
            response = await sessions.in_thread(lambda: sessions.use(grant, id_, put))
    if response.status_code == 201:
        response.headers["Location"] = request.scope["raw_path"].decode("ascii")
    return response


def _put(session: Session, path: str, file: BinaryIO, asked: Headers) -> Response:
    file.flush()
    before = _status(session, path)
    check_conditions(asked, before)
    check_absence(asked, before)
    if os.fstat(file.fileno()).st_size:
        with mmap(file.fileno(), 0, access=ACCESS_READ) as contents:
            session.files.put(path, contents)
    else:
        session.files.put(path, b"")
    with session.workspace.open(path) as written:
        tag = entity_tag(os.fstat(written.fileno()))
    status = 201 if before is None else 204
    return Response(status_code=status, headers={"ETag": tag})


def _status(session: Session, path: str) -> os.stat_result | None:
    """Of a file, None if there is none."""
    if not any(each.path == path for each in session.files.list()):
        return None
    with session.workspace.open(path) as file:
        return os.fstat(file.fileno())


async def delete_session_file(request: Request) -> Response:
    """DELETE /v1/sessions/{id}/files/{path}: a file, or a folder with all in it."""
    grant, sessions = await caller(request), service_of(request).runs.sessions
    path, id_ = path_in_workspace(request), request.path_params["id"]

    def remove(session: Session) -> None:
        check_conditions(request.headers, _status(session, path))
        try:
            session.files.remove(path)
        except SessionNotFound as error:
            raise UnknownFile(error.message) from None

    async with judged(request, grant, "workspace_delete", {"session": id_, "path": path}):
        await sessions.in_thread(lambda: sessions.use(grant, id_, remove))
    return Response(status_code=204)


async def upload(request: Request) -> Response:
    """POST /v1/files: whatever the body is."""
    grant, files = await caller(request), service_of(request).files
    room = await asyncio.to_thread(files.room, grant)
    with files.incoming() as file:
        await read_file(request, min(room, UPLOAD_BYTES), file)
        file.seek(0)
        digest = await asyncio.to_thread(hashlib.file_digest, file, "sha256")

        async def work() -> Response:
            async with judged(request, grant, "file_upload", {}):
                kept = await asyncio.to_thread(files.take_in, grant, file)
            return json_response(upload_fields(kept), 201, {"Location": f"/v1/files/{kept.id}"})

        return await answered_once(request, grant, digest.digest(), work)


async def list_uploads(request: Request) -> Response:
    """GET /v1/files."""
    grant, files = await caller(request), service_of(request).files
    kept = await asyncio.to_thread(files.uploads, grant)
    return json_response({"uploads": [upload_fields(each) for each in kept]})


async def delete_upload(request: Request) -> Response:
    """DELETE /v1/files/{id}."""
    grant, files = await caller(request), service_of(request).files
    await asyncio.to_thread(files.remove, grant, request.path_params["id"])
    return Response(status_code=204)
