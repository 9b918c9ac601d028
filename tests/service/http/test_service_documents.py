"""Every call that the documents show, made as it is shown."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from live_service import LiveService, live_service, service_places
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from service_calls import create_key

from hermetic import errors
from hermetic.http.problems import (
    HeadTooLarge,
    HeadTooSlow,
    MalformedRequest,
    MethodNotAllowed,
    NoSuchPlace,
    PreconditionFailed,
    RangeNotSatisfiable,
    status_of,
)

DOCS = Path(__file__).parents[3] / "docs"
SHOWN = "http://localhost:8080"


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / document).read_text(), re.M | re.S)


def shell(service: LiveService, number: int) -> str:
    script = blocks("http.md", "sh")[number].replace(SHOWN, service.url)
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout


def printed_by(block: str, service: LiveService) -> str:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(block.replace(SHOWN, service.url), "<document>", "exec"), {})
    return output.getvalue()


def test_the_first_call_by_curl_gives_its_result(service: LiveService) -> None:
    result = json.loads(shell(service, 0))
    assert (result["stdout"]["text"], result["value"]["json"]) == ("hello\n", 6)


def test_the_stream_by_curl_has_every_piece_of_output(service: LiveService) -> None:
    assert shell(service, 1).count("event: stdout") == 3


def test_the_kept_run_by_curl_can_be_asked_for(service: LiveService) -> None:
    assert json.loads(shell(service, 2))["result"]["stdout"]["text"] == "later\n"


def test_the_session_by_curl_keeps_its_state(service: LiveService) -> None:
    assert json.loads(shell(service, 3))["value"]["json"] == [{"a": "1", "b": "2"}]


def test_the_upload_by_curl_reaches_its_run(service: LiveService) -> None:
    assert json.loads(shell(service, 4))["value"]["json"] == "a,b\n1,2\n"


def test_the_environment_by_curl_names_its_requirements(service: LiveService) -> None:
    assert json.loads(shell(service, 5))["requirements"] == ["six"]


def test_the_session_in_python_keeps_its_state(service: LiveService) -> None:
    assert printed_by(blocks("http.md", "python")[1], service) == "[1, 2, 3]\n"


def test_the_session_over_mcp_keeps_its_state(service: LiveService) -> None:
    assert printed_by(blocks("mcp.md", "python")[1], service) == "42\n"


def test_the_first_call_in_python_gives_its_result(service: LiveService) -> None:
    assert printed_by(blocks("http.md", "python")[0], service) == "ok 3\n"


def test_the_first_call_over_mcp_gives_its_result(service: LiveService) -> None:
    assert printed_by(blocks("mcp.md", "python")[0], service) == "[value]\n6\n"


def configurations() -> list[dict[str, Any]]:
    found = [json.loads(block) for block in blocks("mcp.md", "json")]
    return [(each.get("mcpServers") or each["servers"])["hermetic"] for each in found]


@pytest.mark.parametrize("number", [0, 1])
def test_the_configurations_start_a_server(number: int, prepared: None, tmp_path: Path) -> None:
    given = configurations()[number]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = dict(os.environ) | service_places(tmp_path / "data") | {"PATH": path}
    parameters = StdioServerParameters(
        command=given["command"], args=given["args"], env=environment
    )

    async def call() -> Any:
        async with Client(parameters) as client:
            return await client.call_tool("python_execute", {"code": "1 + 1"})

    assert anyio.run(call).structured_content["value"]["json"] == 2


def test_the_configuration_for_http_reaches_a_server(prepared: None, tmp_path: Path) -> None:
    given = configurations()[2]
    key = create_key(tmp_path / "data", "client")
    headers = {name: value.replace("KEY", key) for name, value in given["headers"].items()}

    async def call(url: str) -> Any:
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            return await client.call_tool("python_execute", {"code": "1 + 1"})

    with live_service(tmp_path / "data") as service:
        result = anyio.run(call, given["url"].replace(SHOWN, service.url))
    assert result.structured_content["value"]["json"] == 2


def test_the_documented_problems_are_the_real_ones() -> None:
    kinds = [
        HeadTooLarge,
        HeadTooSlow,
        MalformedRequest,
        MethodNotAllowed,
        NoSuchPlace,
        PreconditionFailed,
        RangeNotSatisfiable,
    ]
    kinds += [kind for kind in vars(errors).values() if hasattr(kind, "code")]
    statuses = {kind.code: status_of(kind.__new__(kind)) for kind in kinds}
    rows = re.findall(r"^\| (\d+) \| (`.*?`) \|", (DOCS / "http.md").read_text(), re.M)
    assert len(rows) == 29
    for status, codes in rows:
        for code in re.findall("`(.*?)`", codes):
            assert statuses[code] == int(status)
