"""`python_execute`, as real clients of every revision of the protocol call it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from conditions import comes_true
from live_service import live_service
from mcp.client import Client
from mcp_over_stdio import over_stdio
from mcp_types import CallToolResult, ImageContent, TextContent

pytestmark = pytest.mark.anyio

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
SHOW_IMAGE = f"""
import base64
class Image:
    def _repr_png_(self): return base64.b64decode({PNG!r})
    def __repr__(self): return "an image"
Image()
"""


async def execute(server: Any, arguments: dict[str, Any], mode: str = "auto") -> CallToolResult:
    async with Client(server, mode=mode) as client:
        return await client.call_tool("python_execute", arguments)


def text_of(result: CallToolResult) -> str:
    content = result.content[0]
    assert isinstance(content, TextContent)
    return content.text


@pytest.mark.parametrize("mode", ["auto", "2026-07-28", "legacy"])
async def test_clients_of_every_revision_can_execute(server: Any, mode: str) -> None:
    result = await execute(server, {"code": "print('hello')\n6 * 7"}, mode)
    assert not result.is_error
    assert text_of(result) == "[stdout]\nhello\n[value]\n42"
    assert result.structured_content is not None
    assert result.structured_content["value"]["json"] == 42


async def test_the_revision_is_the_newest(server: Any) -> None:
    async with Client(server) as client:
        assert client.protocol_version == "2026-07-28"


async def test_the_answer_is_as_its_schema_says(server: Any) -> None:
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        result = await client.call_tool("python_execute", {"code": "display(1); 1 / 0"})
    [schema] = [tool.output_schema for tool in tools if tool.name == "python_execute"]
    assert schema is not None
    jsonschema.validate(result.structured_content, schema)


async def test_context_and_files_reach_the_code(server: Any) -> None:
    files = {"a.txt": "é", "b.bin": {"base64": "/w=="}}
    code = "[n['x'], open('a.txt').read(), open('b.bin', 'rb').read()[0]]"
    result = await execute(server, {"code": code, "context": {"n": {"x": 1}}, "files": files})
    assert result.structured_content is not None
    assert result.structured_content["value"]["json"] == [1, "é", 255]


async def test_requirements_can_be_imported(server: Any) -> None:
    result = await execute(server, {"code": "import six; 1", "requirements": ["six==1.17.0"]})
    assert not result.is_error, text_of(result)


async def test_what_was_only_printed_is_the_whole_text(server: Any) -> None:
    assert text_of(await execute(server, {"code": "print('only')"})) == "only"


async def test_a_failure_is_an_error_with_its_traceback(server: Any) -> None:
    result = await execute(server, {"code": "print('before')\n1 / 0"})
    assert result.is_error
    text = text_of(result)
    assert text.startswith("[stdout]\nbefore\n[outcome: error]\nTraceback")
    assert text.endswith("ZeroDivisionError: division by zero")
    assert text.count("ZeroDivisionError") == 1


async def test_a_missing_package_is_told_how_to_be_had(server: Any) -> None:
    text = text_of(await execute(server, {"code": "import pandas"}))
    assert text.endswith("in a session, those that it was created with.)")


async def test_a_call_ends_at_the_timeout_that_it_asked_for(server: Any) -> None:
    result = await execute(server, {"code": "while True: pass", "timeout": 200})
    assert result.is_error and result.structured_content is not None
    assert result.structured_content["outcome"] == "timeout"
    assert "(limit wall_seconds)" in text_of(result)


async def test_files_that_were_made_are_named(server: Any) -> None:
    result = await execute(server, {"code": "open('a.txt', 'w').write('abc')"})
    assert text_of(result).endswith("[files]\na.txt (3 bytes)")


@pytest.mark.parametrize("code", ["1", "import os; os.makedirs('a/b')"])
async def test_nothing_is_left_of_a_run_that_made_no_file(
    prepared: None, tmp_path: Path, code: str
) -> None:
    data = tmp_path / "data"
    with live_service(data, "--no-key") as service:
        await execute(f"{service.url}/mcp", {"code": code})

        assert comes_true(lambda: not any((data / "files").iterdir()))


async def test_displays_that_are_images_are_image_content(server: Any) -> None:
    result = await execute(server, {"code": SHOW_IMAGE})
    images = [each for each in result.content if isinstance(each, ImageContent)]
    assert [(each.mime_type, each.data) for each in images] == [("image/png", PNG)]


async def test_long_output_is_cut_in_the_middle(server: Any) -> None:
    text = text_of(await execute(server, {"code": "print('a' * 50_000 + 'z' * 50_000)"}))
    assert text.startswith("aaa") and text.endswith("zzz")
    assert "80,000 characters left out" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"code": "1", "context": {"a b": 1}}, "no variable can have"),
        ({"code": "1", "files": {"../a": ""}}, "below /workspace"),
        ({"code": "1", "files": {"a": {"base64": "?"}}}, "not base64"),
        ({"code": "1", "files": {"a": 1}}, "/files/a: it must be a string"),
        ({"code": "1", "files": {"a": {"b": 1}}}, "/files/a: it must be a string; /files/a/base64"),
        ({"code": "1", "timeout": 0}, "/timeout: it must be at least 1 "),
        ({"code": "1", "session": "none"}, "there is no session 'none'"),
        ({}, "/code: it is missing"),
        ({"code": 1}, "/code: it must be a string"),
        ({"code": "1", "timeout": 1.5}, "/timeout: it must be a whole number"),
        ({"code": "1", "requirement": ["six"]}, "there is no argument 'requirement'; there are"),
    ],
)
async def test_what_can_not_be_run_is_said_in_our_words(
    server: Any, arguments: dict[str, Any], message: str
) -> None:
    result = await execute(server, arguments)
    assert result.is_error and message in text_of(result)
    assert "pydantic" not in text_of(result)
    assert "Error executing" not in text_of(result)


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_cancelled_call_ends_its_guest(server: Any, mode: str) -> None:
    async with Client(server, mode=mode) as client:
        with anyio.move_on_after(1.0) as scope:
            await client.call_tool("python_execute", {"code": "while True: pass"})
        assert scope.cancelled_caught
        with anyio.fail_after(120):
            result = await client.call_tool("python_execute", {"code": "1"})
    assert not result.is_error


async def test_the_limits_of_the_command_line_hold(prepared: None, tmp_path: Path) -> None:
    result = await execute(over_stdio(tmp_path, "--timeout", "0.2"), {"code": "while True: pass"})
    assert result.structured_content is not None
    assert result.structured_content["outcome"] == "timeout"
