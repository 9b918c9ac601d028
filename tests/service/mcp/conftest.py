"""The MCP server over both transports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_service import LiveService, live_service
from mcp_over_stdio import over_stdio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def mcp_service(prepared: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    data = tmp_path_factory.mktemp("mcp") / "data"
    with live_service(data, "--no-key", concurrency=1) as running:
        yield running


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest, prepared: None, tmp_path: Path) -> Any:
    """What a client is told to connect to."""
    if request.param == "stdio":
        return over_stdio(tmp_path)
    return request.getfixturevalue("mcp_service").url + "/mcp"
