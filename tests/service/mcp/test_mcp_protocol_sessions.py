"""Sessions of the protocol itself, which clients before 2026-07-28 have, and their bound."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from conditions import comes_true
from live_service import LiveService, live_service
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from plain_connections import sent
from service_calls import create_key, with_key

pytestmark = pytest.mark.anyio
MOST = 2
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bounded-mcp") / "data"


@pytest.fixture(scope="module")
def bounded(prepared: None, data: Path) -> Iterator[LiveService]:
    with live_service(data, mcp_sessions_per_grant=MOST, body_wait_seconds=0.5) as running:
        yield running


@pytest.fixture
def headers(data: Path) -> dict[str, str]:
    return with_key(create_key(data, "one"))


def opened(client: httpx2.Client) -> httpx2.Response:
    return client.post("/mcp", json=INITIALIZE)


@asynccontextmanager
async def connected_client(
    service: LiveService, headers: dict[str, str], mode: str
) -> AsyncGenerator[Client]:
    url = f"{service.url}/mcp"
    async with (
        httpx2.AsyncClient(headers=headers, timeout=240, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


def test_one_more_session_than_a_key_may_have_is_refused(
    bounded: LiveService, headers: dict[str, str]
) -> None:
    with bounded.client(headers=headers | ACCEPT) as client:
        assert [opened(client).status_code for _ in range(MOST)] == [200] * MOST
        refused = opened(client)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_mcp_sessions")
    assert int(refused.headers["retry-after"]) > 0


def test_other_keys_are_not_held_up(
    bounded: LiveService, data: Path, headers: dict[str, str]
) -> None:
    with bounded.client(headers=headers | ACCEPT) as client:
        for _ in range(MOST + 1):
            opened(client)
    with bounded.client(headers=with_key(create_key(data, "another")) | ACCEPT) as client:
        assert opened(client).status_code == 200


def test_a_session_that_is_ended_frees_its_place(
    bounded: LiveService, headers: dict[str, str]
) -> None:
    with bounded.client(headers=headers | ACCEPT) as client:
        sessions = [opened(client).headers["mcp-session-id"] for _ in range(MOST)]
        ended = client.delete("/mcp", headers={"Mcp-Session-Id": sessions[0]})
        assert ended.status_code == 200
        assert [opened(client).status_code for _ in range(2)] == [200, 429]


def test_a_session_that_is_idle_for_long_frees_its_place(prepared: None, tmp_path: Path) -> None:
    settings = {"mcp_sessions_per_grant": 1, "mcp_session_idle_seconds": 0.5}
    with (
        live_service(tmp_path / "data", "--no-key", **settings) as service,
        service.client(headers=ACCEPT) as client,
    ):
        session = opened(client).headers["mcp-session-id"]
        assert comes_true(lambda: opened(client).status_code == 200)
        gone = client.post("/mcp", json=INITIALIZE, headers={"Mcp-Session-Id": session})
        assert gone.status_code == 404


def test_the_place_may_end_with_a_slash(bounded: LiveService, headers: dict[str, str]) -> None:
    """As that of many other servers does."""
    with bounded.client(headers=headers | ACCEPT) as client:
        assert client.post("/mcp/", json=INITIALIZE).status_code == 200


def test_what_opens_no_session_takes_no_place(
    bounded: LiveService, headers: dict[str, str]
) -> None:
    with bounded.client(headers=headers | ACCEPT) as client:
        for _ in range(MOST + 1):
            assert client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "x"}).is_error
            assert client.post("/mcp", content=b"{").is_error
        assert opened(client).status_code == 200


async def test_clients_that_come_and_go_are_never_refused(
    bounded: LiveService, headers: dict[str, str]
) -> None:
    for _ in range(MOST + 1):
        async with connected_client(bounded, headers, "legacy") as client:
            assert (await client.list_tools()).tools


async def test_the_revision_without_sessions_is_not_bounded(
    bounded: LiveService, headers: dict[str, str]
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(MOST + 1):
            place = connected_client(bounded, headers, "2026-07-28")
            client = await stack.enter_async_context(place)
            assert (await client.list_tools()).tools


def test_a_message_that_stops_coming_is_not_waited_for(
    bounded: LiveService, headers: dict[str, str]
) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in (headers | ACCEPT).items())
    head += "Content-Type: application/json\r\nContent-Length: 100\r\n"
    answer = sent(bounded, f"POST /mcp HTTP/1.1\r\nHost: localhost\r\n{head}\r\n{{")
    assert answer.startswith("HTTP/1.1 408 ")
    assert '"code": "body_too_slow"' in answer
