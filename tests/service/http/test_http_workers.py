"""Runs of keys that are trusted with worker processes, as a caller and the system see them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from live_service import LiveService, live_service
from process_lists import await_gone, children_of
from service_calls import create_key, key_command, with_key


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers") / "data"


@pytest.fixture(scope="module")
def sharing(prepared: None, data: Path) -> Iterator[LiveService]:
    with live_service(data, "--shared", concurrency=2, spares=0) as running:
        yield running


def guests_of(service: LiveService) -> set[int]:
    zygotes = children_of(service.process.pid)
    return {guest for zygote in zygotes for guest in children_of(zygote)}


def run(service: LiveService, key: str, code: str, **body: object) -> dict[str, object]:
    with service.client(headers=with_key(key)) as client:
        return client.post("/v1/run", json={"code": code} | body).json()


def test_runs_of_a_trusted_key_share_a_process(sharing: LiveService, data: Path) -> None:
    key = create_key(data, "trusted", "--shared")
    before = guests_of(sharing)
    assert run(sharing, key, "1")["outcome"] == "ok"
    workers = guests_of(sharing) - before
    assert len(workers) == 1
    assert run(sharing, key, "2")["outcome"] == "ok"
    assert guests_of(sharing) - before == workers


def test_runs_of_a_key_that_is_not_trusted_share_no_process(
    sharing: LiveService, data: Path
) -> None:
    key = create_key(data, "careful")
    before = guests_of(sharing)
    assert run(sharing, key, "1")["outcome"] == "ok"
    assert not await_gone(guests_of(sharing) - before)


def test_many_runs_at_once_each_have_their_own_answer(sharing: LiveService, data: Path) -> None:
    headers = with_key(create_key(data, "busy", "--shared"))
    with sharing.client(headers=headers) as client, ThreadPoolExecutor(8) as threads:

        def answer(number: int) -> httpx2.Response:
            body = {"code": "print(number)", "inputs": {"number": number}}
            return client.post("/v1/run", json=body)

        shown = [each.json()["stdout"]["text"] for each in threads.map(answer, range(40))]
    assert shown == [f"{number}\n" for number in range(40)]


def test_the_deadline_of_a_run_ends_it(sharing: LiveService, data: Path) -> None:
    key = create_key(data, "slow", "--shared")
    limits = {"wall_seconds": 0.3}
    assert run(sharing, key, "while True: pass", limits=limits)["outcome"] == "timeout"
    assert run(sharing, key, "1")["outcome"] == "ok"


def test_the_list_of_keys_says_which_are_shared(data: Path, sharing: LiveService) -> None:
    create_key(data, "listed", "--shared")
    lines = key_command(data, "list").stdout.splitlines()
    assert any("listed" in line and line.endswith("shared") for line in lines)


def test_runs_share_no_process_where_the_service_does_not_allow_it(
    prepared: None, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    key = create_key(data, "trusted", "--shared")
    with live_service(data, concurrency=1, spares=0) as service:
        assert run(service, key, "1")["outcome"] == "ok"
        assert not await_gone(guests_of(service))


def test_a_stopped_service_leaves_no_worker(prepared: None, tmp_path: Path) -> None:
    with live_service(tmp_path / "data", "--shared", "--no-key") as service:
        with service.client() as client:
            client.post("/v1/run", json={"code": "1"})
        workers = guests_of(service)
        assert len(workers) == 1
        assert service.stop() == 0
    assert not await_gone(workers)
