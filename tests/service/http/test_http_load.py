"""More callers than the service can serve at once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest
from conditions import comes_true
from live_service import LiveService, live_service
from service_calls import create_key, with_key

SLEEP = {"code": "import time; time.sleep(600)"}
ASYNC = {"Prefer": "respond-async"}


def test_a_full_queue_refuses_at_once(prepared: None, tmp_path: Path) -> None:
    settings = {"concurrency": 1, "queue_length": 2, "shutdown_seconds": 0}
    data = tmp_path / "data"
    with live_service(data, "--no-key", **settings) as service, service.client() as client:
        for _ in range(3):
            assert client.post("/v1/run", json=SLEEP, headers=ASYNC).status_code == 202
        response = client.post("/v1/run", json=SLEEP)
    assert (response.status_code, response.json()["code"]) == (429, "queue_full")
    assert int(response.headers["retry-after"]) >= 1


def test_one_key_can_not_keep_others_waiting(prepared: None, tmp_path: Path) -> None:
    data = tmp_path / "data"
    greedy, other = (with_key(create_key(data, name)) for name in ("greedy", "other"))
    settings = {"concurrency": 1, "queue_length_per_grant": 10, "shutdown_seconds": 0}
    with live_service(data, **settings) as service, service.client() as client:
        brief = {"code": "import time; time.sleep(0.5)"}
        places = [
            client.post("/v1/run", json=body, headers=greedy | ASYNC).headers["location"]
            for body in [brief] + [SLEEP] * 7
        ]
        assert client.post("/v1/run", json={"code": "1"}, headers=other).status_code == 200
        assert client.get(places[-1], headers=greedy).json()["state"] == "waiting"


def test_a_waiting_run_can_be_cancelled(prepared: None, tmp_path: Path) -> None:
    settings = {"concurrency": 1, "shutdown_seconds": 0}
    data = tmp_path / "data"
    with live_service(data, "--no-key", **settings) as service, service.client() as client:
        client.post("/v1/run", json=SLEEP, headers=ASYNC)
        waiting = client.post("/v1/run", json=SLEEP, headers=ASYNC).headers["location"]
        kept = client.delete(waiting).json()
    assert kept["result"]["outcome"] == "cancelled"


@pytest.fixture
def slow_to_stop(prepared: None, tmp_path: Path) -> Any:
    with live_service(tmp_path / "data", "--no-key", shutdown_seconds=120) as service:
        yield service


def test_running_runs_end_before_the_service_does(slow_to_stop: LiveService) -> None:
    answers: list[httpx2.Response] = []

    def work() -> None:
        with slow_to_stop.client() as client:
            code = "import time; time.sleep(3); 'whole'"
            answers.append(client.post("/v1/run", json={"code": code}))

    thread = threading.Thread(target=work)
    thread.start()
    with slow_to_stop.client() as client:
        assert comes_true(lambda: "\nhermetic_running 1.0\n" in client.get("/metrics").text)
    assert slow_to_stop.stop() == 0
    thread.join()
    assert answers[0].json()["value"]["json"] == "whole"
