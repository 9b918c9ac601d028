"""Files of sessions and of runs as resources: their URIs, and reading them."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp_types import ResourceLink

from hermetic.errors import HermeticError, InvalidInput, SessionNotFound, UnknownFile
from hermetic.kept_files import KeptFiles
from hermetic.mcp.callers import GrantOf
from hermetic.mcp.policing import Judged
from hermetic.sessions import Sessions
from hermetic_runtime.limits import MIB
from hermetic_runtime.reported import WorkspaceFile
from hermetic_runtime.sessions.workspace import Workspace

MOST_LINKS = 20
RESOURCE_BYTES = 32 * MIB
"""The most of a file that is read as a resource."""
_SESSION_FILES = "hermetic://sessions/{session}/files/{+path}"
_RUN_FILES = "hermetic://runs/{run}/files/{+path}"
_BINARY = "application/octet-stream"


def files_of_session(session: str) -> str:
    """What the URIs of a session's files begin with."""
    return f"hermetic://sessions/{session}/files/"


def files_of_run(run: str) -> str:
    """What the URIs of a run's files begin with."""
    return f"hermetic://runs/{run}/files/"


def resource_links(base: str, files: Iterable[WorkspaceFile]) -> list[ResourceLink]:
    """One for each file, up to `MOST_LINKS`."""
    return [
        ResourceLink(
            uri=base + quote(file.path),
            name=file.path,
            mime_type=_type_of(file.path),
            size=file.size,
        )
        for file in list(files)[:MOST_LINKS]
    ]


def add_resources(
    server: MCPServer[Any],
    sessions: Sessions,
    files: KeptFiles,
    grant_of: GrantOf,
    judged: Judged,
) -> None:
    """Let the files be read by who may."""

    async def session_file(session: str, path: str, ctx: Context[Any, Any]) -> bytes:
        with _said_to_the_reader():
            grant = grant_of(ctx.request_context)
            async with judged(grant, "workspace_read", {"session": session, "path": path}):
                return await _read(lambda: sessions.workspace(grant, session), path)

    async def run_file(run: str, path: str, ctx: Context[Any, Any]) -> bytes:
        with _said_to_the_reader():
            grant = grant_of(ctx.request_context)
            return await _read(lambda: files.made(grant, run), path)

    server.resource(
        _SESSION_FILES,
        name="session_file",
        title="A file of a session",
        description="What is in the workspace of a session, by its path.",
        mime_type=_BINARY,
    )(session_file)
    server.resource(
        _RUN_FILES,
        name="run_file",
        title="A file that a call made",
        description="What code wrote below /workspace, for a time.",
        mime_type=_BINARY,
    )(run_file)


def typed(uri: str, contents: ReadResourceContents) -> ReadResourceContents:
    """With the type that the file's link has, and text as text."""
    kind, data = _type_of(unquote(uri)), contents.content
    if isinstance(data, bytes) and (kind.startswith("text/") or kind == "application/json"):
        with suppress(UnicodeDecodeError):
            data = data.decode()
    return replace(contents, content=data, mime_type=kind)


def _type_of(path: str) -> str:
    return mimetypes.guess_type(path)[0] or _BINARY


async def _read(find: Callable[[], Workspace], path: str) -> bytes:
    def work() -> bytes:
        with find().open(path) as file:
            data = file.read(RESOURCE_BYTES + 1)
        if len(data) > RESOURCE_BYTES:
            raise InvalidInput(
                f"the file {path[:60]!r} has more than the {RESOURCE_BYTES:,} bytes of a resource",
                hint="Read it in parts, by code in the session.",
            )
        return data

    return await asyncio.to_thread(work)


@contextmanager
def _said_to_the_reader() -> Generator[None]:
    """Raises `ResourceError` for what is raised inside."""
    try:
        yield
    except (SessionNotFound, UnknownFile) as error:
        raise ResourceNotFoundError(f"{error.message} [{error.code}]") from error
    except HermeticError as error:
        raise ResourceError(f"{error.message} [{error.code}]") from error
