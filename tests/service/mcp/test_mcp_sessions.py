"""Sessions, their files and resources, as a client of MCP uses them."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
from conditions import comes_true
from live_service import PATIENCE_SECONDS, LiveService, live_service
from mcp import MCPError
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    BlobResourceContents,
    CallToolResult,
    ResourceLink,
    TextContent,
    TextResourceContents,
)
from service_calls import create_key

pytestmark = pytest.mark.anyio

MODES = ["2026-07-28", "legacy"]


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    """The structured answer of a call that goes well."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    content = result.content[0]
    assert isinstance(content, TextContent)
    return content.text


async def contents(client: Client, uri: str) -> bytes:
    [read] = (await client.read_resource(uri)).contents
    assert isinstance(read, BlobResourceContents)
    return base64.b64decode(read.blob)


def links(result: CallToolResult) -> list[ResourceLink]:
    return [each for each in result.content if isinstance(each, ResourceLink)]


@pytest.mark.parametrize("mode", MODES)
async def test_a_session_goes_on_from_call_to_call(server: Any, mode: str) -> None:
    async with Client(server, mode=mode) as client:
        session = (await call(client, "session_create"))["session"]
        await call(client, "python_execute", code="x = n", context={"n": 41}, session=session)
        code = "[x + 1, open('d/a.txt').read()]"
        files = {"d/a.txt": "é"}
        result = await call(client, "python_execute", code=code, session=session, files=files)
        assert result["value"]["json"] == [42, "é"]
        await call(client, "session_close", session=session)
        assert "[session_not_found]" in await refusal(
            client, "python_execute", code="x", session=session
        )


@pytest.mark.parametrize("interpreter", ["pyodide", "wasi"])
async def test_files_of_a_session_are_written_listed_and_read(
    server: Any, wasi_prepared: None, interpreter: str
) -> None:
    async with Client(server) as client:
        session = (await call(client, "session_create", interpreter=interpreter))["session"]
        await call(client, "workspace_write", session=session, path="in.txt", contents="é")
        binary = {"base64": "/wA="}
        await call(client, "workspace_write", session=session, path="d/b", contents=binary)
        code = "open('out', 'w').write(open('in.txt').read() + str(open('d/b', 'rb').read()[0]))"
        await call(client, "python_execute", code=code, session=session)
        listed = await call(client, "workspace_list", session=session)
        assert [each["path"] for each in listed["files"]] == ["d/b", "in.txt", "out"]
        read = await call(client, "workspace_read", session=session, path="out")
        assert (read["text"], read["truncated"]) == ("é255", False)
        read = await call(client, "workspace_read", session=session, path="d/b")
        assert (read["text"], read["base64"]) == (None, "/wA=")
        await call(client, "session_close", session=session)


async def test_a_long_file_is_read_to_a_bound(server: Any) -> None:
    async with Client(server) as client:
        session = (await call(client, "session_create"))["session"]
        code = "open('a', 'w').write('é' * 100_000)"
        await call(client, "python_execute", code=code, session=session)
        read = await call(client, "workspace_read", session=session, path="a")
        assert (read["size"], len(read["text"]), read["truncated"]) == (200_000, 50_000, True)
        await call(client, "session_close", session=session)


async def test_a_session_has_packages_of_its_own(server: Any) -> None:
    async with Client(server) as client:
        created = await call(client, "session_create", requirements=["six==1.17.0"])
        result = await call(
            client, "python_execute", code="import six; 1", session=created["session"]
        )
        assert result["outcome"] == "ok"
        text = await refusal(
            client, "python_execute", code="1", requirements=["six"], session=created["session"]
        )
        assert "session_create" in text
        await call(client, "session_close", session=created["session"])


@pytest.mark.parametrize("mode", MODES)
async def test_files_that_a_call_made_are_resources(server: Any, mode: str) -> None:
    code = "import os; os.mkdir('d'); open('d/é b.csv', 'w').write('1,2')"
    async with Client(server, mode=mode) as client:
        [link] = links(await client.call_tool("python_execute", {"code": code}))
        assert (link.name, link.mime_type, link.size) == ("d/é b.csv", "text/csv", 3)
        [read] = (await client.read_resource(link.uri)).contents
        assert isinstance(read, TextResourceContents)
        assert (read.text, read.mime_type) == ("1,2", "text/csv")


async def test_a_file_that_is_no_text_is_read_as_bytes(server: Any) -> None:
    code = "open('a.txt', 'wb').write(bytes([255])); open('b.png', 'wb').write(b'png')"
    async with Client(server) as client:
        made = links(await client.call_tool("python_execute", {"code": code}))
        assert [link.mime_type for link in made] == ["text/plain", "image/png"]
        assert [await contents(client, link.uri) for link in made] == [b"\xff", b"png"]


async def test_files_of_a_session_are_resources(server: Any) -> None:
    async with Client(server) as client:
        session = (await call(client, "session_create"))["session"]
        arguments = {"code": "open('a', 'w').write('1')", "session": session}
        [link] = links(await client.call_tool("python_execute", arguments))
        assert await contents(client, link.uri) == b"1"
        await call(client, "workspace_write", session=session, path="a", contents="2")
        assert await contents(client, link.uri) == b"2"
        await call(client, "session_close", session=session)
        with pytest.raises(MCPError, match="there is no session"):
            await client.read_resource(link.uri)


async def test_uris_and_paths_that_lead_elsewhere_are_refused(server: Any) -> None:
    async with Client(server) as client:
        session = (await call(client, "session_create"))["session"]
        for path in ("../a", "%2e%2e/a", "a/%2e%2e/%2e%2e/b", "/etc/passwd", "a%00"):
            with pytest.raises(MCPError):
                await client.read_resource(f"hermetic://sessions/{session}/files/{path}")
        for path in ("../a", "/a", "a//b", "a\0b", ""):
            for tool, more in (("workspace_read", {}), ("workspace_write", {"contents": "1"})):
                text = await refusal(client, tool, session=session, path=path, **more)
                assert "[invalid_input]" in text, path
        await call(client, "session_close", session=session)


async def test_annotations_say_what_tools_do(server: Any) -> None:
    async with Client(server) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert {name for name, tool in tools.items() if hints(tool).read_only_hint} == {
        "workspace_list",
        "workspace_read",
    }
    assert {name for name, tool in tools.items() if hints(tool).destructive_hint} == {
        "python_execute",
        "session_close",
        "workspace_write",
    }
    assert not any(hints(tool).open_world_hint for tool in tools.values())


def hints(tool: Any) -> Any:
    assert tool.annotations is not None
    return tool.annotations


async def test_answers_are_as_their_schemas_say(server: Any) -> None:
    async with Client(server) as client:
        schemas = {it.name: it.output_schema for it in (await client.list_tools()).tools}
        session = (await call(client, "session_create"))["session"]
        file = {"session": session, "path": "a"}
        for tool, arguments in (
            ("workspace_write", file | {"contents": "1"}),
            ("workspace_read", file),
            ("workspace_list", {"session": session}),
            ("session_close", {"session": session}),
        ):
            schema = schemas[tool]
            assert schema is not None
            jsonschema.validate(await call(client, tool, **arguments), schema)


async def test_a_session_of_another_key_is_not_there(prepared: None, tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys = [create_key(data, name) for name in ("mine", "other")]
    with live_service(data) as service:
        made: list[tuple[str, str]] = []
        async with connected(service, keys[0]) as client:
            session = (await call(client, "session_create"))["session"]
            code = "open('a', 'w').write('1')"
            for more in ({}, {"session": session}):
                result = await client.call_tool("python_execute", {"code": code} | more)
                made.append((links(result)[0].uri, session))
        async with connected(service, keys[1]) as client:
            for uri, _ in made:
                with pytest.raises(MCPError, match=r"there is no session|no files are kept"):
                    await client.read_resource(uri)
            text = await refusal(client, "workspace_list", session=session)
            assert "[session_not_found]" in text


@asynccontextmanager
async def connected(service: LiveService, key: str) -> AsyncGenerator[Client]:
    headers = {"Authorization": f"Bearer {key}"}
    http = httpx2.AsyncClient(headers=headers, trust_env=False, timeout=PATIENCE_SECONDS)
    transport = streamable_http_client(f"{service.url}/mcp", http_client=http)
    async with http, Client(transport) as client:
        yield client


async def test_a_closed_stream_ends_its_guest(mcp_service: LiveService) -> None:
    """In the newest revision; in those before, a client says that it cancels."""
    url = f"{mcp_service.url}/mcp"
    script = (
        "import anyio\nfrom mcp.client import Client\n"
        "async def main():\n"
        f"    async with Client({url!r}) as client:\n"
        "        await client.call_tool('python_execute', {'code': 'while True: pass'})\n"
        "anyio.run(main)"
    )
    with mcp_service.client() as client:
        process = subprocess.Popen([sys.executable, "-c", script])
        assert comes_to_run(client, 1)
        process.kill()
        process.wait()
        assert comes_to_run(client, 0)


def comes_to_run(client: httpx2.Client, count: int) -> bool:
    return comes_true(lambda: f"\nhermetic_running {count}.0" in client.get("/metrics").text)
