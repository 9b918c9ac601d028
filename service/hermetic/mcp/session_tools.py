"""The tools beside `python_execute`: making and closing sessions, and their files."""

from __future__ import annotations

import asyncio
import base64
import codecs
from collections.abc import Callable
from functools import partial
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field

from hermetic.mcp.arguments import (
    Contents,
    Interpreter,
    Path,
    Requirements,
    SessionHandle,
    contents_of,
)
from hermetic.mcp.callers import GrantOf
from hermetic.mcp.errors import said_to_the_caller
from hermetic.mcp.policing import Judged, arguments_of
from hermetic.session_orders import SessionOrder
from hermetic.sessions import Sessions
from hermetic_runtime.preparation import Progress
from hermetic_runtime.sessions.session import Session
from hermetic_runtime.sessions.workspace import Workspace

READ_BYTES = 100_000
"""The most of a file that `workspace_read` answers with."""


class CreatedSession(BaseModel):
    """`session` is for the argument of that name."""

    session: str


class ClosedSession(BaseModel):
    session: str
    closed: bool = True


class FileInWorkspace(BaseModel):
    """A path below /workspace, and a size in bytes."""

    path: str
    size: int


class Listing(BaseModel):
    files: list[FileInWorkspace]


class FileContents(BaseModel):
    """`text` of a file that is UTF-8, `base64` of any other. `truncated` if there is more."""

    path: str
    size: int
    text: str | None = None
    base64: str | None = Field(default=None, json_schema_extra={"contentEncoding": "base64"})
    truncated: bool = False


def add_session_tools(
    server: MCPServer[Any], sessions: Sessions, grant_of: GrantOf, judged: Judged
) -> None:
    """Sessions and files of the grant that makes the call, and of no other."""

    async def session_create(
        ctx: Context[Any, Any],
        requirements: Requirements = None,
        interpreter: Interpreter = "auto",
    ) -> CreatedSession:
        with said_to_the_caller():
            grant = grant_of(ctx.request_context)
            order = SessionOrder(requirements=tuple(requirements or ()), interpreter=interpreter)
            tell = _telling(ctx)
            async with judged(grant, "session_create", arguments_of(ctx)) as allowance:
                bound = order.within(grant, {}, allowance)
                view = await sessions.in_thread(lambda: sessions.create(grant, bound, tell))
            return CreatedSession(session=view.record.id)

    async def session_close(ctx: Context[Any, Any], session: SessionHandle) -> ClosedSession:
        with said_to_the_caller():
            grant = grant_of(ctx.request_context)
            async with judged(grant, "session_close", arguments_of(ctx)):
                await sessions.in_thread(lambda: sessions.use(grant, session, Session.delete))
            return ClosedSession(session=session)

    async def workspace_list(ctx: Context[Any, Any], session: SessionHandle) -> Listing:
        with said_to_the_caller():
            grant = grant_of(ctx.request_context)
            async with judged(grant, "workspace_list", arguments_of(ctx)):
                found = await sessions.in_thread(lambda: sessions.workspace(grant, session).list())
            return Listing(files=[FileInWorkspace(path=it.path, size=it.size) for it in found])

    async def workspace_read(
        ctx: Context[Any, Any], session: SessionHandle, path: Path
    ) -> FileContents:
        with said_to_the_caller():
            grant = grant_of(ctx.request_context)
            async with judged(grant, "workspace_read", arguments_of(ctx)):
                return await sessions.in_thread(
                    lambda: _read(sessions.workspace(grant, session), path)
                )

    async def workspace_write(
        ctx: Context[Any, Any], session: SessionHandle, path: Path, contents: Contents
    ) -> FileInWorkspace:
        with said_to_the_caller():
            grant, data = grant_of(ctx.request_context), contents_of(path, contents)
            put = partial(_put, path=path, data=data)
            async with judged(grant, "workspace_write", arguments_of(ctx)):
                await sessions.in_thread(lambda: sessions.use(grant, session, put))
            return FileInWorkspace(path=path, size=len(data))

    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    for tool, title, description, hints in (
        (
            session_create,
            "Create a session",
            "Make a session: its variables, imports and files are kept from call to call.",
            ToolAnnotations(
                read_only_hint=False,
                destructive_hint=False,
                idempotent_hint=False,
                open_world_hint=False,
            ),
        ),
        (
            session_close,
            "Close a session",
            "End a session that is no longer needed, and remove its files.",
            ToolAnnotations(
                read_only_hint=False,
                destructive_hint=True,
                idempotent_hint=False,
                open_world_hint=False,
            ),
        ),
        (workspace_list, "List files", "List the files of a session.", reads),
        (
            workspace_read,
            "Read a file",
            f"Read a file of a session: its first {READ_BYTES:,} bytes.",
            reads,
        ),
        (
            workspace_write,
            "Write a file",
            "Make or replace a file of a session.",
            ToolAnnotations(
                read_only_hint=False,
                destructive_hint=True,
                idempotent_hint=True,
                open_world_hint=False,
            ),
        ),
    ):
        server.add_tool(tool, title=title, description=description, annotations=hints)


def _telling(ctx: Context[Any, Any]) -> Callable[[Progress], None]:
    """Progress of another thread, to the caller."""
    loop = asyncio.get_running_loop()

    def tell(progress: Progress) -> None:
        report = ctx.report_progress(progress.fraction, 1.0, progress.step)
        asyncio.run_coroutine_threadsafe(report, loop)

    return tell


def _read(workspace: Workspace, path: str) -> FileContents:
    with workspace.open(path) as file:
        data = file.read(READ_BYTES + 1)
        size = max(len(data), file.seek(0, 2))
    more = len(data) > READ_BYTES
    data = data[:READ_BYTES]
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data, final=not more)
    except UnicodeDecodeError:
        encoded = base64.b64encode(data).decode("ascii")
        return FileContents(path=path, size=size, base64=encoded, truncated=more)
    return FileContents(path=path, size=size, text=text, truncated=more)


def _put(session: Session, path: str, data: bytes) -> None:
    session.files.put(path, data)
