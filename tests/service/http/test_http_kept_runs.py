"""Runs that outlive their request: kept, asked for, cancelled, taken up again."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from conditions import comes_true
from live_service import live_service
from service_calls import ended_run

ASYNC = {"Prefer": "respond-async"}


def start(client: httpx2.Client, code: str, **headers: str) -> str:
    response = client.post("/v1/run", json={"code": code}, headers=ASYNC | headers)
    assert response.status_code == 202, response.text
    assert response.headers["location"] == f"/v1/runs/{response.json()['id']}"
    return response.headers["location"]


def test_a_run_can_outlive_its_request(client: httpx2.Client) -> None:
    place = start(client, "print('later')")
    kept = ended_run(client, place)
    assert (kept["state"], kept["result"]["stdout"]["text"]) == ("ended", "later\n")


def test_a_run_that_goes_on_has_no_result_yet(client: httpx2.Client) -> None:
    place = start(client, "import time; time.sleep(600)")
    assert comes_true(lambda: client.get(place).json()["state"] == "running")
    assert client.get(place).json()["result"] is None
    client.delete(place)


def test_a_run_that_ends_while_its_caller_waits_is_answered_with_its_result(
    client: httpx2.Client,
) -> None:
    headers = {"Prefer": "respond-async, wait=30"}
    answer = client.post("/v1/run", json={"code": "6 * 7"}, headers=headers)
    assert (answer.status_code, answer.json()["value"]["json"]) == (200, 42)
    assert client.get(answer.headers["location"]).json()["state"] == "ended"


def test_a_run_that_outlasts_its_callers_patience_is_answered_with_its_place(
    client: httpx2.Client,
) -> None:
    body = {"code": "import time; time.sleep(20)"}
    answer = client.post("/v1/run", json=body, headers={"Prefer": "respond-async, wait=1"})
    assert (answer.status_code, answer.json()["state"]) == (202, "running")
    client.delete(answer.headers["location"])


def test_deleting_a_run_cancels_it(client: httpx2.Client) -> None:
    place = start(client, "print('before', flush=True)\nwhile True: pass")
    kept = client.delete(place).json()
    assert kept["result"]["outcome"] == "cancelled"


def test_deleting_a_run_that_has_ended_forgets_it(client: httpx2.Client) -> None:
    place = start(client, "1")
    ended_run(client, place)
    assert client.delete(place).status_code == 204
    assert client.get(place).status_code == 404


def test_an_idempotency_key_makes_a_run_happen_once(client: httpx2.Client) -> None:
    headers = {"Idempotency-Key": "a-1"}
    body = {"code": "import random; random.random()"}
    first = client.post("/v1/run", json=body, headers=headers)
    second = client.post("/v1/run", json=body, headers=headers)
    assert first.status_code == 200
    assert first.json() == second.json()


def test_requests_at_the_same_time_with_one_key_are_one_run(client: httpx2.Client) -> None:
    body = {"code": "import random, time; time.sleep(0.3); random.random()"}
    answers: list[Any] = []

    def work() -> None:
        response = client.post("/v1/run", json=body, headers={"Idempotency-Key": "a-2"})
        answers.append(response.json()["value"]["json"])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4 and len(set(answers)) == 1


def test_an_idempotency_key_is_for_one_request(client: httpx2.Client) -> None:
    headers = {"Idempotency-Key": "a-3"}
    client.post("/v1/run", json={"code": "1"}, headers=headers)
    response = client.post("/v1/run", json={"code": "2"}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_conflict")


def test_a_stream_can_not_be_kept(client: httpx2.Client) -> None:
    headers = ASYNC | {"Accept": "text/event-stream"}
    assert client.post("/v1/run", json={"code": "1"}, headers=headers).status_code == 422


def test_results_survive_a_restart(prepared: None, tmp_path: Path) -> None:
    with live_service(tmp_path / "data", "--no-key") as service, service.client() as client:
        place = start(client, "print('kept')")
        before = ended_run(client, place)
        assert service.stop() == 0
    with live_service(tmp_path / "data", "--no-key") as service, service.client() as client:
        assert client.get(place).json() == before


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_runs_that_had_not_ended_are_taken_up_again(
    prepared: None, tmp_path: Path, how: str
) -> None:
    settings = {"concurrency": 1, "shutdown_seconds": 0}
    data = tmp_path / "data"
    with live_service(data, "--no-key", **settings) as service, service.client() as client:
        places = [start(client, f"import time; time.sleep(1); {n}") for n in range(2)]
        if how == "killed":
            service.process.kill()
            service.process.wait()
        else:
            assert service.stop() == 0
    with live_service(data, "--no-key", **settings) as service, service.client() as client:
        values = [ended_run(client, place)["result"]["value"]["json"] for place in places]
    assert values == [0, 1]


def test_results_expire(prepared: None, tmp_path: Path) -> None:
    with live_service(tmp_path / "data", "--no-key") as service, service.client() as client:
        place = start(client, "1")
        ended_run(client, place)
        service.stop()
    settings = {"kept_seconds": 1}
    time.sleep(1.1)
    data = tmp_path / "data"
    with live_service(data, "--no-key", **settings) as service, service.client() as client:
        assert comes_true(lambda: client.get(place).status_code == 404)
