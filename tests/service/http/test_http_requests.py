"""What a request may look like, whatever it asks for: its head, its body, its conditions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from live_service import LiveService, live_service
from plain_connections import connected, sent

JSON = {"Content-Type": "application/json"}
POST = "POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "head",
    [
        "Host: localhost\r\nHost: elsewhere\r\n",
        "Host: localhost\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n",
        "Host: localhost\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n",
        "",
    ],
)
def test_a_head_that_can_be_understood_in_two_ways_is_refused(
    service: LiveService, head: str
) -> None:
    answer = sent(service, f"GET /v1/sessions HTTP/1.1\r\n{head}Connection: close\r\n\r\n")
    assert answer.startswith("HTTP/1.1 400 ")
    assert '"code": "malformed_request"' in answer


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/v1/run", {"POST"}), ("/v1/sessions", {"GET", "HEAD", "POST"}), ("/healthz", {"GET"})],
)
def test_a_path_tells_its_methods(client: httpx2.Client, path: str, methods: set[str]) -> None:
    answer = client.options(path)
    assert answer.status_code == 204
    assert methods < set(answer.headers["allow"].split(", "))
    refused = client.put(path)
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    assert set(refused.headers["allow"].split(", ")) == set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/event-stream", "text/event-stream"),
        ("application/json, text/event-stream", "text/event-stream"),
        ("application/json, text/event-stream;q=0.5", "application/json"),
        ("text/event-stream;q=0, */*", "application/json"),
        ("image/png", "application/json"),
    ],
)
def test_the_answer_is_of_the_kind_that_is_liked_best(
    client: httpx2.Client, accept: str, media_type: str
) -> None:
    answer = client.post("/v1/run", json={"code": "1"}, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == media_type


def test_a_request_without_a_body_is_one_with_an_empty_object(client: httpx2.Client) -> None:
    made = client.post("/v1/sessions")
    assert made.status_code == 201
    assert client.post(f"{made.headers['location']}/hibernate").status_code == 200
    refused = client.post("/v1/run")
    assert refused.json()["errors"] == [{"pointer": "/code", "detail": "it is missing"}]


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ([], "", "it must be an object"),
        ({"code": 1}, "/code", "it must be a string"),
        ({"code": "1", "limits": {"speed": 1}}, "/limits/speed", "there is no such field"),
        ({"code": "1", "args": ["a", 1]}, "/args/1", "it must be a string"),
        ({"code": "1", "files": {"a": 1}}, "/files/a", "it must be an object"),
        ({"code": "1", "files": {"a": {}}}, "/files/a/text", "it is missing"),
        (
            {"code": "1", "limits": {"wall_seconds": 1e6}},
            "/limits/wall_seconds",
            "it must be at most 86,400",
        ),
        (
            {"code": "1", "interpreter": "python"},
            "/interpreter",
            "it must be 'auto', 'pyodide' or 'wasi'",
        ),
    ],
)
def test_what_is_wrong_in_a_body_is_told_with_its_place(
    client: httpx2.Client, body: Any, pointer: str, detail: str
) -> None:
    answer = client.post("/v1/run", json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0] == {"pointer": pointer, "detail": detail}


def test_numbers_that_json_does_not_have_are_refused(client: httpx2.Client) -> None:
    body = b'{"code": "1", "inputs": {"x": NaN}}'
    answer = client.post("/v1/run", content=body, headers=JSON)
    assert answer.json()["detail"] == "the body is not JSON: NaN is no number of JSON"


def test_a_form_is_not_taken_for_the_file_in_it(client: httpx2.Client) -> None:
    answer = client.post("/v1/files", files={"file": b"a"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("place", ["/v1/run", "/mcp"])
def test_a_body_that_is_too_large_is_a_problem(client: httpx2.Client, place: str) -> None:
    """Whether its length is declared, or not."""
    pieces = (b" " * 500_000 for _ in range(3))
    for body in (b" " * 1_500_000, pieces):
        answer = client.post(place, content=body, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_bodies_in_another_coding_are_refused(client: httpx2.Client) -> None:
    headers = JSON | {"Content-Encoding": "gzip"}
    answer = client.post("/v1/run", content=b"\x1f\x8b", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.fixture(scope="module")
def impatient(prepared: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    data: Path = tmp_path_factory.mktemp("impatient") / "data"
    with live_service(data, "--no-key", body_wait_seconds=0.2) as running:
        yield running


@pytest.mark.parametrize("place", ["POST /v1/run", "POST /v1/files"])
def test_a_body_that_stops_coming_is_not_waited_for(impatient: LiveService, place: str) -> None:
    """The client leaves the connection open, and the service closes it."""
    head = "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
    answer = sent(impatient, f'{place} HTTP/1.1\r\n{head}\r\n{{"code"')
    assert answer.startswith("HTTP/1.1 408 ")
    assert '"code": "body_too_slow"' in answer


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(service: LiveService) -> None:
    body = '{"code": "1"}'
    head = f"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head += "Expect: 100-continue\r\nConnection: close\r\n"
    answer = sent(service, f"POST /v1/run HTTP/1.1\r\n{head}\r\n{body}")
    assert answer.startswith(("HTTP/1.1 100 ", "HTTP/1.1 200 "))
    assert '"outcome": "ok"' in answer


def test_a_body_can_come_in_chunks(service: LiveService) -> None:
    head = "Host: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    chunks = '8\r\n{"code":\r\n5\r\n "1"}\r\n0\r\n\r\n'
    answer = sent(service, f"POST /v1/run HTTP/1.1\r\n{head}Connection: close\r\n\r\n{chunks}")
    assert '"outcome": "ok"' in answer


@pytest.mark.parametrize(
    "request_",
    [
        "POST /v1/run HTTP/1.1\r\nHost: loc",
        f"{POST}Content-Length: 9\r\n\r\n",
        f'{POST}Content-Length: 99\r\n\r\n{{"code"',
        f'{POST}Content-Length: 28\r\n\r\n{{"code": "while True: pass" }}',
        "\x16\x03\x01\x02\r\n\r\n",
    ],
)
def test_a_client_may_leave_at_any_time(
    service: LiveService, client: httpx2.Client, request_: str
) -> None:
    with connected(service) as connection:
        connection.sendall(request_.encode())
    assert client.get("/healthz").text == "alive\n"
    while "\nhermetic_running 0.0\n" not in client.get("/metrics").text:
        pass
    assert not [line for line in service.log if "traceback" in line]
