"""`/v1/run`: results, streams, and what is refused."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from conditions import comes_true
from live_service import LiveService
from service_calls import events_of


def run(client: httpx2.Client, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/run", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_run_answers_with_its_result(client: httpx2.Client) -> None:
    result = run(client, code="print('hello')\n6 * 7")
    assert (result["outcome"], result["stdout"]["text"]) == ("ok", "hello\n")
    assert result["value"]["json"] == 42


def test_a_run_has_what_it_is_given(client: httpx2.Client) -> None:
    code = (
        "import sys, os\n"
        "[sys.argv, input(), os.environ['A'], n, open('a/b.txt').read(), open('c', 'rb').read()[0]]"
    )
    result = run(
        client,
        code=code,
        filename="x.py",
        args=["-v"],
        stdin="line\n",
        env={"A": "é"},
        inputs={"n": {"k": [1]}},
        files={"a/b.txt": {"text": "ü"}, "c": {"base64": "/wA="}},
    )
    assert result["value"]["json"] == [["x.py", "-v"], "line", "é", {"k": [1]}, "ü", 255]


def test_what_the_guest_raises_is_a_result(client: httpx2.Client) -> None:
    result = run(client, code="1 / 0")
    assert (result["outcome"], result["error"]["type"]) == ("error", "ZeroDivisionError")


def test_a_limit_ends_a_run(client: httpx2.Client) -> None:
    result = run(client, code="while True: pass", limits={"wall_seconds": 0.2})
    assert (result["outcome"], result["error"]["limit"]) == ("timeout", "wall_seconds")


def test_requirements_can_be_imported(client: httpx2.Client) -> None:
    code = "import six; six.__version__"
    result = run(client, code=code, requirements=["six==1.17.0"], interpreter="pyodide")
    assert result["value"] is not None and result["value"]["json"] == "1.17.0", result


def test_requirements_that_can_not_be_had_are_an_outcome(client: httpx2.Client) -> None:
    result = run(client, code="1", requirements=["six==0.0.1"])
    assert result["outcome"] == "install_error"


def test_text_that_is_not_unicode_comes_through(client: httpx2.Client) -> None:
    assert run(client, code="len(x)", inputs={"x": "\U0001f600"})["value"]["json"] == 1
    assert run(client, code=r"'\ud800'")["outcome"] == "ok"


def test_output_streams_while_the_guest_runs(client: httpx2.Client) -> None:
    code = "import sys, time\nprint('é')\ntime.sleep(1)\nprint('b', file=sys.stderr)\ndisplay(1)"
    body = {"code": code}
    with client.stream(
        "POST", "/v1/run", json=body, headers={"Accept": "text/event-stream"}
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = []
        times = []
        for event in events_of(response):
            events.append(event)
            times.append(time.monotonic())
    assert [name for name, _ in events] == ["stdout", "stderr", "display", "result"]
    assert events[0][1] == {"text": "é\n"}
    assert events[-1][1]["outcome"] == "ok"
    assert times[1] > times[0]


def test_an_unknown_field_is_a_problem_with_its_place(client: httpx2.Client) -> None:
    response = client.post("/v1/run", json={"code": "1", "cod/e~": 1})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["code"] == "malformed_body"
    assert problem["errors"][0]["pointer"] == "/cod~1e~0"


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {"Content-Type": "application/json"}, 400, "malformed_body"),
        (b'{"code": NaN}', {"Content-Type": "application/json"}, 400, "malformed_body"),
        (b"[" * 100_000, {"Content-Type": "application/json"}, 400, "malformed_body"),
        (b"\xff", {"Content-Type": "application/json"}, 400, "malformed_body"),
        (b"", {"Content-Type": "application/json"}, 400, "malformed_body"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"{}", {}, 415, "unsupported_media_type"),
        (b" " * 1_000_001, {"Content-Type": "application/json"}, 413, "body_too_large"),
    ],
)
def test_a_body_that_is_no_run_is_refused(
    client: httpx2.Client, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    response = client.post("/v1/run", content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_body_of_unknown_size_is_bounded_while_it_streams_in(client: httpx2.Client) -> None:
    def chunks():
        for _ in range(200):
            yield b" " * 10_000

    response = client.post(
        "/v1/run", content=chunks(), headers={"Content-Type": "application/json"}
    )
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"code": "1", "inputs": {"a b": 1}}, 422, "invalid_name"),
        ({"code": "1", "files": {"../x": {"text": ""}}}, 422, "invalid_input"),
        ({"code": "1", "files": {"x": {"base64": "?"}}}, 400, "malformed_body"),
        ({"code": "1", "env": {"a=b": "1"}}, 422, "invalid_name"),
        ({"code": "1", "limits": {"wall_seconds": 1000}}, 403, "not_allowed"),
        ({"code": "1", "limits": {"memory_bytes": 1}}, 400, "malformed_body"),
        ({"code": "1", "limits": {"wall_seconds": True}}, 400, "malformed_body"),
    ],
)
def test_a_run_that_may_not_be_is_refused(
    client: httpx2.Client, body: dict[str, Any], status: int, code: str
) -> None:
    response = client.post("/v1/run", json=body)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


def test_a_caller_that_leaves_ends_its_run(service: LiveService, client: httpx2.Client) -> None:
    def cancelled() -> int:
        return sum(line.get("outcome") == "cancelled" for line in service.log)

    before = cancelled()
    with socket.create_connection(("127.0.0.1", urlsplit(service.url).port or 0)) as caller:
        body = json.dumps({"code": "while True: pass"}).encode()
        head = f"POST /v1/run HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        caller.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
        assert comes_true(lambda: running(client) > 0)
    assert comes_true(lambda: cancelled() > before)


def test_a_listener_that_leaves_ends_its_run(client: httpx2.Client) -> None:
    body = {"code": "print(1)\nwhile True: pass"}
    headers = {"Accept": "text/event-stream"}
    with client.stream("POST", "/v1/run", json=body, headers=headers) as response:
        assert next(events_of(response))[0] == "stdout"
    assert comes_true(lambda: running(client) == 0)


def running(client: httpx2.Client) -> float:
    [line] = re.findall(r"^hermetic_running (.*)$", client.get("/metrics").text, re.M)
    return float(line)


def test_many_callers_at_once_each_get_their_own(service: LiveService) -> None:
    results: dict[int, Any] = {}

    def work(number: int) -> None:
        with service.client() as client:
            results[number] = run(client, code="n", inputs={"n": number})["value"]["json"]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: number for number in range(24)}


def test_other_hosts_names_are_refused_without_keys(client: httpx2.Client) -> None:
    response = client.post("/v1/run", json={"code": "1"}, headers={"Host": "attacker.example"})
    assert (response.status_code, response.json()["code"]) == (403, "not_allowed")


def test_web_pages_of_other_hosts_are_refused_without_keys(client: httpx2.Client) -> None:
    response = client.post(
        "/v1/run", json={"code": "1"}, headers={"Origin": "https://attacker.example"}
    )
    assert response.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("PUT", "/v1/run", 405, "method_not_allowed"),
        ("GET", "/v1/runs/run_0", 404, "unknown_run"),
        ("DELETE", "/v1/runs/run_0", 404, "unknown_run"),
    ],
)
def test_what_is_not_there_is_a_problem(
    client: httpx2.Client, method: str, path: str, status: int, code: str
) -> None:
    response = client.request(method, path)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_the_log_tells_neither_code_nor_inputs(service: LiveService, client: httpx2.Client) -> None:
    run(client, code="'marker-of-code'", inputs={"x": "marker-of-input"})
    run(client, code="raise ValueError('marker-of-error')")
    assert not [line for line in service.log if "marker" in str(line)]


@pytest.mark.parametrize("path", ["/nothing", "/v1/runs/run_0", "/v1/sessions/0"])
def test_the_page_explains_every_kind_of_problem(client: httpx2.Client, path: str) -> None:
    page, _, name = client.get(path).json()["type"].partition("#")
    assert f'id="{name}"' in client.get(page).text


def test_the_page_loads_nothing_from_elsewhere(client: httpx2.Client) -> None:
    page = client.get("/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http:" not in page.text and "https:" not in page.text
