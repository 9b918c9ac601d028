"""`/v1/sessions`: state that lasts, for one key, within bounds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from conditions import comes_true
from live_service import live_service
from service_calls import create_key, ended_run, events_of, with_key

from hermetic.grants import LOCAL
from hermetic_runtime.sessions.store import SessionStore

HOLD = "import sys, time\nprint('held', flush=True)\ntime.sleep(60)"


def create(client: httpx2.Client, **body: Any) -> str:
    response = client.post("/v1/sessions", json=body)
    assert response.status_code == 201, response.text
    id_ = response.json()["id"]
    assert response.headers["location"] == f"/v1/sessions/{id_}"
    return id_


def run(client: httpx2.Client, session: str, code: str, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/run", json={"code": code, "session": session} | body)
    assert response.status_code == 200, response.text
    return response.json()


def value(client: httpx2.Client, session: str, code: str, **body: Any) -> Any:
    return run(client, session, code, **body)["value"]["json"]


def state(client: httpx2.Client, session: str) -> str:
    return client.get(f"/v1/sessions/{session}").json()["state"]


@pytest.fixture
def session(client: httpx2.Client) -> Iterator[str]:
    id_ = create(client)
    yield id_
    client.delete(f"/v1/sessions/{id_}")


@pytest.fixture
def held(client: httpx2.Client, session: str) -> Iterator[str]:
    """A session with a run under way."""
    body = {"code": HOLD, "session": session}
    headers = {"Accept": "text/event-stream"}
    with client.stream("POST", "/v1/run", json=body, headers=headers) as response:
        events = events_of(response)
        assert next(events)[0] == "stdout"
        yield session


def test_variables_and_files_go_on_from_run_to_run(client: httpx2.Client, session: str) -> None:
    run(client, session, "x = 41; open('a.txt', 'w').write('kept')")
    assert value(client, session, "[x + 1, open('a.txt').read()]") == [42, "kept"]


def test_a_run_in_a_session_has_what_it_is_given(client: httpx2.Client, session: str) -> None:
    code = "import sys; [n, sys.argv[1], input(), open('d/a.txt').read()]"
    given = {"inputs": {"n": 1}, "args": ["-v"], "stdin": "line\n"}
    files = {"d/a.txt": {"text": "é"}}
    assert value(client, session, code, **given, files=files) == [1, "-v", "line", "é"]
    assert value(client, session, "open('d/a.txt').read()") == "é"


def test_the_other_interpreter_has_sessions_too(client: httpx2.Client, wasi_prepared: None) -> None:
    session = create(client, interpreter="wasi")
    run(client, session, "x = n", inputs={"n": 5}, files={"a": {"text": "file"}})
    assert value(client, session, "[x, open('a').read()]") == [5, "file"]
    assert client.get(f"/v1/sessions/{session}").json()["interpreter"].startswith("wasi-")


@pytest.mark.parametrize("interpreter", ["pyodide", "wasi"])
def test_a_run_that_makes_the_interpreter_useless_leaves_the_session_as_it_was(
    client: httpx2.Client, interpreter: str, wasi_prepared: None
) -> None:
    session = create(client, interpreter=interpreter)
    run(client, session, "import builtins, os; x = 42")

    closed = run(client, session, "os.closerange(0, 100)")
    damaged = run(client, session, "x = 0; builtins.compile = None")

    assert (closed["outcome"], closed["session_restored"]) == ("ok", False)
    assert (damaged["outcome"], damaged["session_restored"]) == ("error", True)
    assert value(client, session, "x") == 42


def test_a_session_has_packages_of_its_own(client: httpx2.Client) -> None:
    session = create(client, requirements=["six==1.17.0"], interpreter="pyodide")
    assert value(client, session, "import six; six.__version__") == "1.17.0"


@pytest.mark.parametrize(
    "body", [{"requirements": ["six"]}, {"env": {"A": "1"}}, {"interpreter": "wasi"}]
)
def test_what_belongs_to_a_session_is_not_for_its_runs(
    client: httpx2.Client, session: str, body: dict[str, Any]
) -> None:
    response = client.post("/v1/run", json={"code": "1", "session": session} | body)
    assert (response.status_code, response.json()["code"]) == (422, "contradiction")


def test_output_of_a_session_streams(client: httpx2.Client, session: str) -> None:
    body = {"code": "print('a')\n1", "session": session}
    headers = {"Accept": "text/event-stream"}
    with client.stream("POST", "/v1/run", json=body, headers=headers) as response:
        assert [name for name, _ in events_of(response)] == ["stdout", "result"]


def test_a_run_in_a_session_can_outlive_its_request(client: httpx2.Client, session: str) -> None:
    body = {"code": "x = 1; x", "session": session}
    place = client.post("/v1/run", json=body, headers={"Prefer": "respond-async"})
    kept = ended_run(client, place.headers["location"])
    assert kept["result"]["value"]["json"] == 1
    assert value(client, session, "x") == 1


def test_a_run_that_is_cancelled_leaves_its_session_as_it_was(
    client: httpx2.Client, session: str
) -> None:
    run(client, session, "x = 1")
    body = {"code": "x = 2\nprint(x, flush=True)\nwhile True: pass", "session": session}
    headers = {"Accept": "text/event-stream"}
    with client.stream("POST", "/v1/run", json=body, headers=headers) as response:
        assert next(events_of(response))[1] == {"text": "2\n"}
    assert comes_true(lambda: state(client, session) != "busy")
    assert value(client, session, "x") == 1


def test_a_limit_ends_a_run_and_not_its_session(client: httpx2.Client, session: str) -> None:
    run(client, session, "x = 1")
    result = run(client, session, "x = 2\nwhile True: pass", limits={"wall_seconds": 0.3})
    assert (result["outcome"], result["session_restored"]) == ("timeout", True)
    assert value(client, session, "x") == 1


def test_limits_of_a_session_hold_for_its_runs(client: httpx2.Client) -> None:
    session = create(client, limits={"wall_seconds": 0.3})
    assert run(client, session, "while True: pass")["outcome"] == "timeout"
    body = {"code": "1", "session": session, "limits": {"wall_seconds": 1}}
    assert client.post("/v1/run", json=body).status_code == 403


def test_a_session_in_use_says_so(client: httpx2.Client, held: str) -> None:
    assert state(client, held) == "busy"
    response = client.post("/v1/run", json={"code": "1", "session": held})
    assert (response.status_code, response.json()["code"]) == (409, "session_busy")
    for path in ("fork", "hibernate", "restart"):
        assert client.post(f"/v1/sessions/{held}/{path}", json={}).status_code == 409
    assert client.delete(f"/v1/sessions/{held}").status_code == 409


def test_a_fork_and_its_parent_differ_freely(client: httpx2.Client, session: str) -> None:
    run(client, session, "x = 1; open('a', 'w').write('1')")
    response = client.post(f"/v1/sessions/{session}/fork", json={})
    assert response.status_code == 201
    copy = response.json()["id"]
    run(client, copy, "x = 2; open('a', 'w').write('2')")
    assert value(client, session, "[x, open('a').read()]") == [1, "1"]
    assert value(client, copy, "[x, open('a').read()]") == [2, "2"]


def test_a_checkpoint_can_be_gone_back_to(client: httpx2.Client, session: str) -> None:
    place = f"/v1/sessions/{session}"
    run(client, session, "x = 1; open('a', 'w').write('1')")
    shown = client.post(f"{place}/checkpoints", json={"name": "one"}).json()
    assert [each["name"] for each in shown["checkpoints"]] == ["one"]
    run(client, session, "x = 2; open('b', 'w').write('2')")
    assert client.post(f"{place}/restore", json={"name": "one"}).status_code == 200
    assert value(client, session, "import os; [x, sorted(os.listdir())]") == [1, ["a"]]
    assert client.delete(f"{place}/checkpoints/one").status_code == 204
    response = client.post(f"{place}/restore", json={"name": "one"})
    assert (response.status_code, response.json()["code"]) == (404, "session_not_found")


def test_a_session_hibernates_when_told_to(client: httpx2.Client, session: str) -> None:
    run(client, session, "x = 1")
    assert state(client, session) == "live"
    shown = client.post(f"/v1/sessions/{session}/hibernate", json={}).json()
    assert shown["state"] == "hibernating"
    assert value(client, session, "x") == 1


def test_a_restarted_session_has_its_files_only(client: httpx2.Client, session: str) -> None:
    run(client, session, "x = 1; open('a', 'w').write('1')")
    client.post(f"/v1/sessions/{session}/restart", json={})
    assert value(client, session, "['x' in globals(), open('a').read()]") == [False, "1"]


def test_sessions_are_listed_the_last_used_first(client: httpx2.Client) -> None:
    first, second = create(client, name="first"), create(client, name="second")
    run(client, first, "1")
    listed = client.get("/v1/sessions").json()["sessions"]
    assert [each["name"] for each in listed[:2]] == ["first", "second"]
    assert client.post("/v1/sessions", json={"name": "first"}).status_code == 422
    assert client.delete(f"/v1/sessions/{second}").status_code == 204
    assert client.get(f"/v1/sessions/{second}").status_code == 404
    client.delete(f"/v1/sessions/{first}")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("DELETE", "", None),
        ("POST", "/fork", {}),
        ("POST", "/checkpoints", {"name": "a"}),
        ("POST", "/restore", {"name": "a"}),
        ("POST", "/hibernate", {}),
        ("GET", "/files", None),
        ("GET", "/files/a", None),
        ("PUT", "/files/a", {}),
        ("DELETE", "/files/a", None),
    ],
)
def test_a_session_of_another_key_is_as_one_that_is_not_there(
    keys: tuple[httpx2.Client, httpx2.Client], method: str, path: str, body: Any
) -> None:
    mine, other = keys
    session = create(mine, name="mine")
    try:
        theirs = other.request(method, f"/v1/sessions/{session}{path}", json=body)
        absent = other.request(method, f"/v1/sessions/{'0' * 16}{path}", json=body)
        assert theirs.status_code == absent.status_code == 404
        assert theirs.text.replace(session, "0" * 16) == absent.text
        assert other.get("/v1/sessions").json() == {"sessions": []}
    finally:
        mine.delete(f"/v1/sessions/{session}")


def test_a_name_is_no_handle(client: httpx2.Client) -> None:
    session = create(client, name="a" * 16)
    response = client.post("/v1/run", json={"code": "1", "session": "a" * 16})
    assert (response.status_code, response.json()["code"]) == (404, "session_not_found")
    client.delete(f"/v1/sessions/{session}")


@pytest.fixture(scope="module")
def keys(
    prepared: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx2.Client, httpx2.Client]]:
    """Clients of two keys of one service."""
    data = tmp_path_factory.mktemp("two-keys") / "data"
    mine, other = (with_key(create_key(data, name)) for name in ("mine", "other"))
    with (
        live_service(data, sessions_per_grant=2) as service,
        service.client(headers=mine) as first,
        service.client(headers=other) as second,
    ):
        yield first, second


def test_a_key_has_a_bounded_number_of_sessions(
    keys: tuple[httpx2.Client, httpx2.Client],
) -> None:
    client = keys[0]
    sessions = [create(client), create(client)]
    response = client.post("/v1/sessions", json={})
    assert (response.status_code, response.json()["code"]) == (403, "not_allowed")
    assert client.post(f"/v1/sessions/{sessions[0]}/fork", json={}).status_code == 403
    for session in sessions:
        client.delete(f"/v1/sessions/{session}")


def test_a_key_makes_a_session_once(client: httpx2.Client) -> None:
    headers = {"Idempotency-Key": "session-1"}
    answers = [client.post("/v1/sessions", json={}, headers=headers) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    other = client.post("/v1/sessions", json={"name": "other"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")
    client.delete(answers[0].headers["location"])


def test_requests_at_the_same_time_with_one_key_make_one_session(client: httpx2.Client) -> None:
    made: list[str] = []

    def work() -> None:
        response = client.post("/v1/sessions", json={}, headers={"Idempotency-Key": "session-2"})
        made.append(response.json()["id"])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4 and len(set(made)) == 1
    client.delete(f"/v1/sessions/{made[0]}")


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_sessions_survive_a_restart(prepared: None, tmp_path: Path, how: str) -> None:
    data = tmp_path / "data"
    with live_service(data, "--no-key") as service, service.client() as client:
        session = create(client)
        run(client, session, "x = 1; open('a', 'w').write('1')")
        if how == "stopped":
            assert service.stop() == 0
        else:
            service.process.kill()
            service.process.wait()
    with live_service(data, "--no-key") as service, service.client() as client:
        assert value(client, session, "[x, open('a').read()]") == [1, "1"]


def test_a_session_run_that_had_not_ended_is_taken_up_again(prepared: None, tmp_path: Path) -> None:
    data, code = tmp_path / "data", "import time; time.sleep(1); x += 1; x"
    with live_service(data, "--no-key") as service, service.client() as client:
        session = create(client)
        run(client, session, "x = 1")
        body = {"code": code, "session": session}
        answer = client.post("/v1/run", json=body, headers={"Prefer": "respond-async"})
        service.process.kill()
        service.process.wait()
    with live_service(data, "--no-key") as service, service.client() as client:
        place = answer.headers["location"]
        kept = ended_run(client, place)
        assert kept["result"]["value"]["json"] == 2
        assert value(client, session, "x") == 2


def test_idle_sessions_hibernate_by_themselves(prepared: None, tmp_path: Path) -> None:
    settings = {"session_idle_seconds": 0.2}
    with (
        live_service(tmp_path / "data", "--no-key", **settings) as service,
        service.client() as client,
    ):
        session = create(client)
        run(client, session, "x = 1")
        assert comes_true(lambda: state(client, session) == "hibernating")
        assert value(client, session, "x") == 1


def test_a_bounded_number_of_sessions_stays_awake(prepared: None, tmp_path: Path) -> None:
    with (
        live_service(tmp_path / "data", "--no-key", live_sessions=1) as service,
        service.client() as client,
    ):
        sessions = [create(client) for _ in range(3)]
        for number, session in enumerate(sessions):
            run(client, session, f"x = {number}")
        assert [state(client, each) for each in sessions] == [
            "hibernating",
            "hibernating",
            "live",
        ]
        assert [value(client, each, "x") for each in sessions] == [0, 1, 2]


def test_sessions_that_nobody_uses_expire(
    prepared: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    with live_service(data, "--no-key") as service, service.client() as client:
        session = create(client)
        service.stop()
    monkeypatch.setenv("HERMETIC_STATE_DIR", str(tmp_path / "data-state"))
    records = SessionStore().records
    assert comes_true(lambda: records.find(session, LOCAL.id).used <= time.time() - 1)
    with (
        live_service(data, "--no-key", session_kept_seconds=1) as service,
        service.client() as client,
    ):
        path = f"/v1/sessions/{session}"
        assert comes_true(lambda: client.get(path).status_code == 404)
