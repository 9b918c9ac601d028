"""Short forms of what `scripts/fuzz` does to the doors: what clients write is hostile."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from file_names import NamedFile, NamingService, hostile_name, naming_service
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp_lines import fault_of_client

from hermetic_runtime.preparation import prepare


@pytest.fixture(scope="module", autouse=True)
def prepared() -> None:
    prepare()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NamingService]:
    with naming_service(tmp_path_factory.mktemp("names")) as service:
        yield service


def test_a_client_may_write_anything_to_the_mcp_server() -> None:
    assert fault_of_client(Random(1), 60) is None


@settings(max_examples=80)
@given(st.integers(0, 2**32))
def test_a_file_may_be_asked_for_by_any_name(service: NamingService, seed: int) -> None:
    assert service.fault_of(hostile_name(Random(seed))) is None


def test_a_file_that_a_run_made_can_be_had_whatever_its_name(service: NamingService) -> None:
    assert service.fault_of(NamedFile("", b"", "d\n/\x1b[2J %2e%2e?#")) is None


def test_no_name_leads_out_of_the_session(service: NamingService) -> None:
    for target in (b"../../escaped", b"%2e%2e/%2e%2e/escaped", b"..%2fescaped", b"/tmp/escaped"):
        assert service.fault_of(NamedFile("PUT", target, "")) is None
    assert service.escaped() == []
