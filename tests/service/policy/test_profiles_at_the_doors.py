"""The example of each profile, through all three doors."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from judged_service import Clock, judged_service
from mcp.client import Client
from mcp.client.stdio import stdio_client
from mcp_over_stdio import over_stdio
from mcp_types import CallToolResult, TextContent

from hermetic.cli.arguments import parse_arguments
from hermetic.cli.running import run

EXAMPLES = Path(__file__).parents[3] / "examples/policies"
DAY = 86_400

pytestmark = pytest.mark.usefixtures("prepared")

Ask = Callable[..., str]
"""Has code run at one door: `ran`, `denied` or `approval_required`."""


@pytest.fixture
def clock() -> Clock:
    """At noon of a Sunday."""
    return Clock()


@pytest.fixture(params=["command line", "http", "mcp"])
def door(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[[Path], Any]:
    """Opens one door for a policy."""
    data = tmp_path / "data"
    monkeypatch.setenv("HERMETIC_DATA_DIRECTORY", str(data))

    @contextmanager
    def command_line(policy: Path) -> Generator[Ask]:
        def ask(code: str, *requirements: str) -> str:
            words = [word for each in requirements for word in ("--with", each)]
            options = parse_arguments(["run", "--policy", str(policy), *words, "-c", code])
            if run(options, clock=clock) == 0:
                return "ran"
            said = capfd.readouterr().err
            return "approval_required" if "approvals approve" in said else "denied"

        yield ask

    @contextmanager
    def http(policy: Path) -> Generator[Ask]:
        with (
            judged_service(policy, data, clock, tool="python_execute") as service,
            service.client() as client,
        ):

            def ask(code: str, *requirements: str) -> str:
                body = {"code": code, "requirements": requirements}
                answer = client.post("/v1/run", json=body).json()
                return "ran" if answer.get("outcome") == "ok" else answer["code"]

            yield ask

    @contextmanager
    def mcp(policy: Path) -> Generator[Ask]:
        with judged_service(policy, data, clock, tool="python_execute") as service:

            async def call(code: str, requirements: tuple[str, ...]) -> CallToolResult:
                arguments = {"code": code, "requirements": list(requirements)}
                async with Client(service.url + "/mcp") as client:
                    return await client.call_tool("python_execute", arguments)

            def ask(code: str, *requirements: str) -> str:
                result = anyio.run(call, code, requirements)
                refusal = re.search(r" \[([a-z_]+)\]", text_of(result))
                return refusal[1] if refusal else "ran"

            yield ask

    return {"command line": command_line, "http": http, "mcp": mcp}[request.param]


def text_of(result: CallToolResult) -> str:
    content = result.content[0]
    assert isinstance(content, TextContent)
    return content.text


def test_strict_runs_short_programs_without_packages(door: Callable[[Path], Any]) -> None:
    with door(EXAMPLES / "strict.yaml") as ask:
        assert ask("import json; print(json.dumps(1))") == "ran"
        assert ask("#" * 20_001) == "denied"
        assert ask("1", "six") == "denied"


def test_restrictive_rests_at_the_weekend_and_has_a_person_look_at_native_interfaces(
    door: Callable[[Path], Any], clock: Clock
) -> None:
    with door(EXAMPLES / "restrictive.yaml") as ask:
        assert ask("print(1)") == "denied"
        clock.now += DAY
        assert ask("print(1)") == "ran"
        assert ask("import ctypes") == "approval_required"


def test_permissive_runs_what_the_server_allows_until_it_looks_like_a_loop(
    door: Callable[[Path], Any],
    tmp_path: Path,
) -> None:
    policy = tmp_path / "permissive.yaml"
    text = (EXAMPLES / "permissive.yaml").read_text()
    policy.write_text(text.replace("rate_limit: 1000/hour", "rate_limit: 2/hour"))
    with door(policy) as ask:
        assert [ask("print(1)") for _ in range(3)] == ["ran", "ran", "denied"]


def test_a_policy_judges_a_server_on_stdin_and_stdout(tmp_path: Path) -> None:
    async def call() -> list[CallToolResult]:
        server = over_stdio(tmp_path / "data", "--policy", str(EXAMPLES / "strict.yaml"))
        async with Client(stdio_client(server)) as client:
            return [
                await client.call_tool("python_execute", {"code": code})
                for code in ("6 * 7", "#" * 20_001)
            ]

    [ran, refused] = anyio.run(call)
    assert (ran.is_error, refused.is_error) == (False, True)
    assert "20,000 bytes at most" in text_of(refused)
