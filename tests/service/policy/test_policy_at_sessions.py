"""Policy over what lasts: sessions, their files, uploads and environments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from judged_service import Clock, JudgedService, judged_service
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, TextContent

from hermetic.grants import LOCAL, Grant
from hermetic.policy.enforcing import kept_seconds

pytestmark = pytest.mark.usefixtures("prepared")

WritePolicy = Callable[[str], Path]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HERMETIC_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "data"


@pytest.fixture
def write_policy(tmp_path: Path) -> WritePolicy:
    def write(text: str) -> Path:
        path = tmp_path / "policy.yaml"
        path.write_text('version: "1"\n' + text)
        return path

    return write


def served(policy: Path, data: Path) -> Any:
    return judged_service(policy, data, Clock(), tool="python_execute")


def created(client: httpx2.Client, **body: Any) -> str:
    answer = client.post("/v1/sessions", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def run_in(client: httpx2.Client, session: str, code: str, **body: Any) -> httpx2.Response:
    return client.post("/v1/run", json={"code": code, "session": session, **body})


def rule_of(refused: httpx2.Response) -> str:
    assert (refused.status_code, refused.json()["code"]) == (403, "denied"), refused.text
    return refused.json()["rule"]


def test_under_default_deny_nothing_that_lasts_can_be_made(
    data: Path, write_policy: WritePolicy
) -> None:
    policy = write_policy("default: deny\ntools: {python_execute: {}}\n")
    with served(policy, data) as service, service.client() as client:
        assert client.post("/v1/run", json={"code": "1"}).status_code == 200
        for path, body in (
            ("/v1/sessions", {}),
            ("/v1/environments", {"requirements": ["six"]}),
        ):
            assert rule_of(client.post(path, json=body)) == "default"
        assert rule_of(client.post("/v1/files", content=b"data")) == "default"
        assert client.get("/v1/sessions").json() == {"sessions": []}
        assert client.get("/v1/files").json() == {"uploads": []}


def test_each_thing_done_to_a_session_is_judged_under_its_own_name(
    data: Path, write_policy: WritePolicy
) -> None:
    policy = write_policy(
        "default: deny\n"
        "tools: {python_execute: {}, session_create: {}, workspace_write: {}, session_fork: {}}\n"
    )
    with served(policy, data) as service, service.client() as client:
        session = f"/v1/sessions/{created(client)}"
        assert client.put(f"{session}/files/a.txt", content=b"a").status_code == 201
        assert client.post(f"{session}/fork", json={}).status_code == 201
        assert client.get(session).status_code == 200
        for refused in (
            client.get(f"{session}/files"),
            client.get(f"{session}/files/a.txt"),
            client.delete(f"{session}/files/a.txt"),
            client.post(f"{session}/checkpoints", json={"name": "one"}),
            client.post(f"{session}/restore", json={"name": "one"}),
            client.post(f"{session}/hibernate", json={}),
            client.post(f"{session}/restart", json={}),
            client.delete(session),
        ):
            assert rule_of(refused) == "default"


def test_the_arguments_of_what_is_done_can_be_judged(data: Path, write_policy: WritePolicy) -> None:
    policy = write_policy(
        """
default: allow
tools:
  workspace_write:
    rules:
      - name: only text
        conditions: [{path: args.path, op: regex, value: "[.]txt$"}]
"""
    )
    with served(policy, data) as service, service.client() as client:
        files = f"/v1/sessions/{created(client)}/files"
        assert client.put(f"{files}/a.txt", content=b"a").status_code == 201
        assert rule_of(client.put(f"{files}/a.bin", content=b"a")).endswith("(only text)")


def test_policy_says_how_many_sessions_there_may_be_and_how_big(
    data: Path, write_policy: WritePolicy
) -> None:
    policy = write_policy("default: allow\nsandbox: {sessions: {most: 1, workspace_bytes: 1000}}\n")
    with served(policy, data) as service, service.client() as client:
        session = created(client)
        assert client.post("/v1/sessions", json={}).status_code == 403
        assert client.post(f"/v1/sessions/{session}/fork", json={}).status_code == 403
        files = f"/v1/sessions/{session}/files"
        assert client.put(f"{files}/small", content=b"x" * 1000).status_code == 201
        assert client.put(f"{files}/large", content=b"x").status_code == 413
        assert rule_of(client.post("/v1/sessions", json={"limits": {"disk_bytes": 1001}}))


def test_a_run_in_a_session_gets_no_more_than_policy_and_session_allow(
    data: Path, write_policy: WritePolicy
) -> None:
    policy = write_policy(
        "default: allow\nsandbox: {limits: {wall_seconds: 20}, imports: {deny: [socket]}}\n"
    )
    with served(policy, data) as service, service.client() as client:
        session = created(client, limits={"wall_seconds": 10})
        by_session = run_in(client, session, "1", limits={"wall_seconds": 11})
        assert rule_of(by_session) == "the limits of the session"
        assert rule_of(client.post("/v1/sessions", json={"limits": {"wall_seconds": 21}}))
        assert "refuses the import of socket" in run_in(client, session, "import socket").text
        assert run_in(client, session, "6 * 7").json()["value"]["json"] == 42


def test_packages_that_are_denied_make_no_session(data: Path, write_policy: WritePolicy) -> None:
    policy = write_policy("default: allow\nsandbox: {packages: {deny: [six]}}\n")
    with served(policy, data) as service, service.client() as client:
        refused = client.post("/v1/sessions", json={"requirements": ["six"]})
        assert "six" in refused.json()["detail"]
        assert client.get("/v1/sessions").json() == {"sessions": []}


def test_a_session_of_an_interpreter_that_is_no_longer_allowed_runs_nothing(
    data: Path, write_policy: WritePolicy
) -> None:
    policy = write_policy("default: allow\n")
    with served(policy, data) as service, service.client() as client:
        session = created(client)
    policy = write_policy("default: allow\nsandbox: {interpreters: [wasi]}\n")
    with served(policy, data) as service, service.client() as client:
        assert rule_of(run_in(client, session, "1")) == "sandbox"


def test_policy_says_how_long_sessions_are_kept(data: Path, write_policy: WritePolicy) -> None:
    policy = write_policy(
        "default: allow\n"
        "sandbox: {sessions: {keep_seconds: 3600}}\n"
        "grants: {brief: {sandbox: {sessions: {keep_seconds: 60}}}, '*': {}}\n"
    )
    with served(policy, data) as service:
        enforced = service.service.policy
        assert enforced is not None
        kept = kept_seconds(enforced, {"b": Grant("b", "brief")}.get, 7200)
    assert [kept(owner) for owner in (LOCAL.id, "b", "gone")] == [3600, 60, 7200]


def call_tools(service: JudgedService, *calls: tuple[str, dict[str, Any]]) -> list[CallToolResult]:
    async def work() -> list[CallToolResult]:
        async with Client(service.url + "/mcp") as client:
            return [await client.call_tool(tool, arguments) for tool, arguments in calls]

    return anyio.run(work)


def test_tools_of_mcp_are_judged_as_the_same_requests_are(
    data: Path, write_policy: WritePolicy
) -> None:
    policy = write_policy(
        "default: deny\n"
        "tools: {python_execute: {}, session_create: {rules: [{rate_limit: 1/hour}]}}\n"
    )
    with served(policy, data) as service:
        [made, again] = call_tools(service, ("session_create", {}), ("session_create", {}))
        assert made.structured_content is not None
        session = made.structured_content
        assert again.is_error
        [ran, *refused] = call_tools(
            service,
            ("python_execute", {"code": "6 * 7", **session}),
            ("workspace_list", session),
            ("workspace_read", {"path": "a", **session}),
            ("workspace_write", {"path": "a", "contents": "a", **session}),
            ("session_close", session),
        )
        assert not ran.is_error
        for each in refused:
            assert each.is_error
            assert isinstance(each.content[0], TextContent)
            assert "[denied]" in each.content[0].text


def test_a_file_is_read_as_a_resource_only_if_it_may_be_read(
    data: Path, write_policy: WritePolicy
) -> None:
    async def read(service: JudgedService, session: str) -> None:
        async with Client(service.url + "/mcp") as client:
            with pytest.raises(MCPError, match="denied"):
                await client.read_resource(f"hermetic://sessions/{session}/files/a.txt")

    policy = write_policy("default: allow\ntools: {workspace_read: {rules: [{action: deny}]}}\n")
    with served(policy, data) as service, service.client() as client:
        session = created(client)
        client.put(f"/v1/sessions/{session}/files/a.txt", content=b"secret")
        anyio.run(read, service, session)
