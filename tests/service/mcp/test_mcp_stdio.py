"""What `hermetic mcp` does that no server over HTTP does: it belongs to one client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.client import Client
from mcp_over_stdio import over_stdio
from process_lists import await_gone, children_of
from trace_collector import Collector, attributes, trace_collector

pytestmark = pytest.mark.anyio


@pytest.fixture
def collector() -> Iterator[Collector]:
    with trace_collector() as collector:
        yield collector


def with_settings(server: StdioServerParameters, **settings: object) -> StdioServerParameters:
    given = {name: str(value) for name, value in settings.items()}
    return server.model_copy(update={"env": (server.env or {}) | given})


async def call(client: Client, code: str) -> Any:
    return await client.call_tool("python_execute", {"code": code})


async def test_calls_and_runs_are_traced(
    prepared: None, tmp_path: Path, collector: Collector
) -> None:
    server = with_settings(over_stdio(tmp_path), OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    async with Client(server) as client:
        await call(client, "'marker-of-code'")
        await call(client, "raise ValueError('marker-of-error')")
    [first, failed] = [it for it in collector.spans if it.name == "tools/call python_execute"]
    runs = {it.parent_span_id: it for it in collector.spans if it.name == "run"}
    assert runs[first.span_id].trace_id == first.trace_id
    assert attributes(runs[first.span_id])["hermetic.outcome"] == "ok"
    assert attributes(runs[failed.span_id])["hermetic.outcome"] == "error"
    assert collector.services == {"hermetic"}
    assert "marker" not in str(collector.spans)


def guests_of_servers(before: set[int]) -> set[int]:
    """Below the zygotes of what this process has started since."""
    servers = children_of(os.getpid()) - before
    zygotes = {zygote for server in servers for zygote in children_of(server)}
    return {guest for zygote in zygotes for guest in children_of(zygote)}


async def test_calls_share_a_process_only_if_that_is_asked_for(
    prepared: None, tmp_path: Path
) -> None:
    """A variable that is meant for a service does not ask for it."""
    settings = {"HERMETIC_SHARED": 1, "HERMETIC_SPARES": 0}
    before = children_of(os.getpid())
    async with Client(with_settings(over_stdio(tmp_path / "own"), **settings)) as client:
        assert not (await call(client, "1")).is_error
        assert not await_gone(guests_of_servers(before))


async def test_calls_can_share_a_process(prepared: None, tmp_path: Path) -> None:
    server = over_stdio(tmp_path / "shared", "--shared")
    before = children_of(os.getpid())
    async with Client(with_settings(server, HERMETIC_SPARES=0)) as client:
        assert not (await call(client, "1")).is_error
        workers = guests_of_servers(before)
        assert len(workers) == 1
        assert not (await call(client, "2")).is_error
        assert guests_of_servers(before) == workers


@pytest.mark.parametrize(("most", "kinds"), [(100, {"text", "resource_link"}), (0, {"text"})])
async def test_files_are_kept_as_far_as_there_is_room(
    prepared: None, tmp_path: Path, most: int, kinds: set[str]
) -> None:
    server = with_settings(over_stdio(tmp_path), HERMETIC_FILE_BYTES_PER_GRANT=most)
    async with Client(server) as client:
        answer = await call(client, "open('a.txt', 'w').write('abc')")
    assert {content.type for content in answer.content} == kinds
    assert answer.structured_content["files"] == [{"path": "a.txt", "size": 3}]
