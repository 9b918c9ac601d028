"""The description of sessions, their files, and uploads."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from hermetic.http.environment_endpoints import (
    EnvironmentBody,
    EnvironmentListBody,
    NewEnvironmentBody,
)
from hermetic.http.openapi_parts import (
    delete,
    get,
    header,
    idempotency_parameter,
    json_content,
    path_parameter,
    post,
    problems,
)
from hermetic.http.session_schemas import (
    CheckpointBody,
    FileListBody,
    ForkBody,
    NewSessionBody,
    NothingBody,
    SessionBody,
    SessionListBody,
    UploadBody,
    UploadListBody,
)

REQUESTS: tuple[type[BaseModel], ...] = (
    NewSessionBody,
    ForkBody,
    CheckpointBody,
    NothingBody,
    NewEnvironmentBody,
)
RESPONSES: tuple[type[BaseModel], ...] = (
    SessionBody,
    SessionListBody,
    FileListBody,
    UploadBody,
    UploadListBody,
    EnvironmentBody,
    EnvironmentListBody,
)
_IF_MATCH = header("If-Match", "ETags of which the file must have one.")
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def session_paths() -> dict[str, Any]:
    """Every path but those of runs, and of the service itself."""
    place = "/v1/sessions/{id}"
    session = [path_parameter("id", "The id of the session.")]
    file = [*session, path_parameter("path", "The path of the file below /workspace.")]
    return {
        "/v1/sessions": {
            "get": get("listSessions", "List the sessions of the key", "SessionListBody"),
            "post": post(
                "createSession",
                "Create a session",
                "Makes ready all that it needs, which can take a while. Its variables and files "
                "are kept from run to run: `session` of `POST /v1/run`.",
                "NewSessionBody",
                "SessionBody",
                "201",
                needs_body=False,
            ),
        },
        place: {
            "parameters": session,
            "get": get("showSession", "Show a session", "SessionBody", "404"),
            "delete": delete("deleteSession", "Delete a session with its files", "409"),
        },
        f"{place}/fork": {
            "parameters": session,
            "post": post(
                "forkSession",
                "Copy a session",
                "From then on the two differ freely.",
                "ForkBody",
                "SessionBody",
                "201",
                needs_body=False,
            ),
        },
        f"{place}/checkpoints": {"parameters": session, "post": _make_checkpoint()},
        f"{place}/checkpoints/{{checkpoint}}": {
            "parameters": [*session, path_parameter("checkpoint", "The name of the checkpoint.")],
            "delete": delete("deleteCheckpoint", "Forget a checkpoint", "409"),
        },
        f"{place}/restore": {
            "parameters": session,
            "post": post(
                "restoreSession",
                "Go back to a checkpoint",
                "The checkpoint stays.",
                "CheckpointBody",
                "SessionBody",
            ),
        },
        f"{place}/hibernate": {
            "parameters": session,
            "post": post(
                "hibernateSession",
                "Hibernate a session",
                "It takes no memory until its next run. Idle ones do that by themselves.",
                "NothingBody",
                "SessionBody",
                needs_body=False,
            ),
        },
        f"{place}/restart": {
            "parameters": session,
            "post": post(
                "restartSession",
                "Restart a session",
                "It goes on without its variables. Files and checkpoints are kept.",
                "NothingBody",
                "SessionBody",
                needs_body=False,
            ),
        },
        f"{place}/files": {
            "parameters": session,
            "get": get("listSessionFiles", "List the files of a session", "FileListBody", "404"),
        },
        f"{place}/files/{{path}}": {
            "parameters": file,
            "get": _read_file("readSessionFile", "Read a file of a session"),
            "put": _write_file(),
            "delete": delete(
                "deleteSessionFile",
                "Delete a file, or a folder with all in it",
                "409",
                "412",
                "422",
            )
            | {"parameters": [_IF_MATCH]},
        },
        "/v1/runs/{id}/files": {
            "parameters": [path_parameter("id", "The id of the run.")],
            "get": get("listRunFiles", "List the files that a run made", "FileListBody", "404"),
        },
        "/v1/runs/{id}/files/{path}": {
            "parameters": [
                path_parameter("id", "The id of the run."),
                path_parameter("path", "The path of the file below /workspace."),
            ],
            "get": _read_file("readRunFile", "Read a file that a run made"),
        },
        "/v1/files": {
            "get": get("listUploads", "List the uploads of the key", "UploadListBody"),
            "post": _upload(),
        },
        "/v1/files/{id}": {
            "parameters": [path_parameter("id", "The id of the upload.")],
            "delete": delete("deleteUpload", "Delete an upload"),
        },
        "/v1/environments": {
            "get": get("listEnvironments", "List what was built ahead", "EnvironmentListBody"),
            "post": post(
                "buildEnvironment",
                "Build an environment ahead",
                "Makes packages ready before a run or a session asks for them. The answer comes "
                "at once, and says where to ask how far it is.",
                "NewEnvironmentBody",
                "EnvironmentBody",
                "202",
                needs_body=False,
            ),
        },
        "/v1/environments/{id}": {
            "parameters": [path_parameter("id", "The id of the environment.")],
            "get": get("showEnvironment", "Show an environment", "EnvironmentBody", "404"),
        },
    }


def _make_checkpoint() -> dict[str, Any]:
    return post(
        "makeCheckpoint",
        "Make a checkpoint",
        "It keeps variables and files as they are now, instead of what had its name before.",
        "CheckpointBody",
        "SessionBody",
    )


def _read_file(operation: str, summary: str) -> dict[str, Any]:
    headers = {
        "ETag": {"schema": {"type": "string"}},
        "Accept-Ranges": {"schema": {"type": "string"}},
    }
    return {
        "operationId": operation,
        "summary": summary,
        "parameters": [
            header("Range", "One range of bytes (RFC 9110); others are ignored."),
            header("If-Range", "The range is only of the file that has this ETag."),
            header("If-None-Match", "ETags of which none is to be sent again."),
            _IF_MATCH,
        ],
        "responses": {
            "200": {"description": "The file.", "headers": headers, "content": _BYTES},
            "206": {"description": "The part.", "headers": headers, "content": _BYTES},
            "304": {"description": "It is known already."},
        }
        | problems("401", "403", "404", "412", "416", "422", "500"),
    }


def _write_file() -> dict[str, Any]:
    return {
        "operationId": "writeSessionFile",
        "summary": "Make or replace a file of a session",
        "parameters": [
            _IF_MATCH,
            header("If-None-Match", "`*` for a file that must not be there yet."),
        ],
        "requestBody": {"content": _BYTES},
        "responses": {
            "201": {"description": "It is new."},
            "204": {"description": "It was replaced."},
        }
        | problems("400", "401", "403", "404", "408", "409", "412", "413", "415", "422", "500"),
    }


def _upload() -> dict[str, Any]:
    return {
        "operationId": "upload",
        "summary": "Upload a file for runs",
        "description": 'For `files` of a run, as `{"upload": ID}`. It expires after a while.',
        "parameters": [idempotency_parameter()],
        "requestBody": {"content": _BYTES},
        "responses": {
            "201": {
                "description": "It is kept.",
                "headers": {"Location": {"schema": {"type": "string"}}},
                "content": json_content("UploadBody"),
            }
        }
        | problems("400", "401", "403", "408", "413", "415", "422", "500"),
    }
