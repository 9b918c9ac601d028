"""A live service without keys, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from live_service import LiveService, live_service


@pytest.fixture(scope="session")
def service(prepared: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """One that asks for no key; for tests that leave it as it was."""
    data = tmp_path_factory.mktemp("service") / "data"
    with live_service(data, "--no-key", concurrency=4, body_bytes=1_000_000) as running:
        yield running


@pytest.fixture
def client(service: LiveService) -> Iterator[httpx2.Client]:
    with service.client() as client:
        yield client
