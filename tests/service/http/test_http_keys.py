"""Who may call the service, and what one key sees of another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_service import LiveService, live_service
from service_calls import create_key, key_command, with_key


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keyed") / "data"


@pytest.fixture(scope="module")
def keyed(prepared: None, data: Path) -> Iterator[LiveService]:
    with live_service(data) as running:
        yield running


def status(service: LiveService, headers: dict[str, str], **body: object) -> int:
    with service.client(headers=headers) as client:
        return client.post("/v1/run", json={"code": "1"} | body).status_code


def test_a_key_is_needed(keyed: LiveService) -> None:
    with keyed.client() as client:
        response = client.post("/v1/run", json={"code": "1"})
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("value", ["Bearer", "Bearer hk_0", "Basic eDp5", "Bearer \xff"])
def test_what_is_no_key_is_refused(keyed: LiveService, value: str) -> None:
    assert status(keyed, {"Authorization": value.encode("latin-1")}) == 401  # type: ignore[dict-item]


def test_mcp_needs_a_key_as_well(keyed: LiveService) -> None:
    with keyed.client() as client:
        assert client.post("/mcp", json={}).status_code == 401


def test_a_key_is_accepted_until_it_is_revoked(keyed: LiveService, data: Path) -> None:
    key = create_key(data, "short-lived")
    assert status(keyed, with_key(key)) == 200
    key_command(data, "revoke", key.split("_")[1])
    assert status(keyed, with_key(key)) == 401


def test_the_limits_of_a_key_are_its_runs_limits(keyed: LiveService, data: Path) -> None:
    key = create_key(data, "short", "--timeout", "0.3")
    with keyed.client(headers=with_key(key)) as client:
        result = client.post("/v1/run", json={"code": "while True: pass"}).json()
    assert result["outcome"] == "timeout"
    assert status(keyed, with_key(key), limits={"wall_seconds": 1}) == 403


def test_a_run_is_invisible_to_other_keys(keyed: LiveService, data: Path) -> None:
    mine, other = (with_key(create_key(data, name)) for name in ("mine", "other"))
    with keyed.client() as client:
        headers = mine | {"Prefer": "respond-async"}
        name = client.post("/v1/run", json={"code": "1"}, headers=headers).json()["id"]
        assert client.get(f"/v1/runs/{name}", headers=other).status_code == 404
        assert client.delete(f"/v1/runs/{name}", headers=other).status_code == 404
        assert client.get(f"/v1/runs/{name}", headers=mine).status_code == 200


def test_the_list_of_keys_does_not_show_them(data: Path, prepared: None) -> None:
    key = create_key(data, "shown-once", "--memory", "64M")
    listed = key_command(data, "list").stdout
    assert "shown-once" in listed and "memory_bytes=" in listed
    assert key not in listed and key.rpartition("_")[2] not in listed


def test_keys_are_in_no_log(keyed: LiveService, data: Path) -> None:
    key = create_key(data, "logged")
    assert status(keyed, with_key(key)) == 200
    assert not [line for line in keyed.log if key[20:] in str(line)]
