"""The service under load while guests, zygotes and other services are killed."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
from conditions import comes_true
from live_service import LiveService, live_service
from process_lists import await_gone, guest_side_processes
from service_calls import ended_run

KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "hello": ({"code": "print('hello')"}, "ok"),
    "error": ({"code": "1 / 0"}, "error"),
    "big output": ({"code": "print('x' * 1_000_000)"}, "ok"),
    "too much output": (
        {"code": "while True: print('x' * 1000)", "limits": {"output_bytes": 100_000}},
        "output",
    ),
    "memory": ({"code": "bytes(10**9)", "limits": {"memory_bytes": 64 * 2**20}}, "memory"),
    "time": ({"code": "while True: pass", "limits": {"wall_seconds": 0.2}}, "timeout"),
}


def outcome_of(client: httpx2.Client, kind: str) -> str:
    """What an answer says came of the run; the code of a problem for one that did not start."""
    fields = client.post("/v1/run", json=KINDS[kind][0]).json()
    return str(fields.get("outcome") or fields["code"])


def mixed_runs(client: httpx2.Client, each: int) -> Counter[tuple[str, str]]:
    """How often each kind had each outcome."""
    kinds = [kind for kind in KINDS for _ in range(each)]
    with ThreadPoolExecutor(8) as callers:
        outcomes = callers.map(lambda kind: outcome_of(client, kind), kinds)
        return Counter(zip(kinds, outcomes, strict=True))


def descriptors(service: LiveService) -> int:
    return len(os.listdir(f"/proc/{service.process.pid}/fd"))


def test_mixed_runs_all_end_as_they_must_and_leave_nothing(prepared: None, tmp_path: Path) -> None:
    with (
        live_service(tmp_path / "data", "--no-key", concurrency=4, spares=2) as service,
        service.client() as client,
    ):
        mixed_runs(client, each=1)
        opened = descriptors(service)
        counts = mixed_runs(client, each=5)
        assert counts == {(kind, outcome): 5 for kind, (_, outcome) in KINDS.items()}
        # What ends a guest goes on after its answer.
        assert comes_true(lambda: descriptors(service) <= opened + 16)
        assert comes_true(lambda: len(guest_side_processes(service.process.pid)) <= 8)


def test_every_run_is_answered_while_guests_and_zygotes_are_killed(
    prepared: None, tmp_path: Path
) -> None:
    with (
        live_service(tmp_path / "data", "--no-key", concurrency=4, spares=2) as service,
        service.client() as client,
    ):
        done = threading.Event()

        def kill_at_random() -> None:
            while not done.wait(0.1):
                with suppress(ProcessLookupError, IndexError):
                    pids = sorted(guest_side_processes(service.process.pid))
                    os.kill(random.choice(pids), signal.SIGKILL)

        killing = threading.Thread(target=kill_at_random)
        killing.start()
        try:
            counts = mixed_runs(client, each=3)
        finally:
            done.set()
            killing.join()
        troubles = [
            line.get("traceback", line["message"])
            for line in service.log
            if "traceback" in line or line["from"] == "nobody"
        ]
        assert not troubles, "\n".join(troubles)
        for kind, outcome in counts:
            assert outcome in {KINDS[kind][1], "crashed", "sandbox_crashed"}
        assert counts.total() == 3 * len(KINDS)
        # The guests of a zygote that was killed last may still be ending.
        assert comes_true(lambda: outcome_of(client, "hello") == "ok")


def test_kept_runs_go_on_in_another_service_when_theirs_is_killed(
    prepared: None, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    places = dict[str, str]()
    with live_service(data, "--no-key", concurrency=2) as service, service.client() as client:
        for number in range(8):
            body = {"code": f"import time; time.sleep(0.1); {number}"}
            kept = client.post("/v1/run", json=body, headers={"Prefer": "respond-async"})
            places[kept.headers["location"]] = str(number)
        theirs = guest_side_processes(service.process.pid)
        service.process.kill()
        service.process.wait()
    assert not await_gone(theirs)
    with live_service(data, "--no-key", concurrency=2) as service, service.client() as client:
        for place, expected in places.items():
            assert ended_run(client, place)["result"]["value"]["repr"] == expected
