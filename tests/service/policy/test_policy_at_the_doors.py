"""What policy decides is what happens, at all three doors."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from judged_service import Clock, JudgedService, judged_service
from mcp.client import Client
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult, TextContent

from hermetic.audit.log import segments
from hermetic.cli.arguments import parse_arguments
from hermetic.cli.running import run
from hermetic.errors import PolicyDenied
from hermetic.grants import LOCAL
from hermetic.policy.enforcing import EnforcedPolicy, open_policy
from hermetic.policy.gate_settings import GateSettings

EXAMPLES = Path(__file__).parents[3] / "examples/policies"
PUBLIC = [
    "execute.json",
    "run_python_code.json",
    "run_code.json",
    "run.json",
    "python_execute.yaml",
]
REFUSED = 126

pytestmark = pytest.mark.usefixtures("prepared")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "data"
    monkeypatch.setenv("HERMETIC_DATA_DIRECTORY", str(directory))
    return directory


@pytest.fixture
def policy_file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "policy.yaml"
        path.write_text('version: "1"\n' + text)
        return path

    return write


@contextmanager
def served(
    policy: Path, data: Path, clock: Clock, tool: str = "python_execute"
) -> Generator[JudgedService]:
    with judged_service(policy, data, clock, tool=tool) as service:
        yield service


def post(client: httpx2.Client, code: str = "1", **options: Any) -> httpx2.Response:
    headers = options.pop("headers", {})
    return client.post("/v1/run", json={"code": code, **options}, headers=headers)


def call_tool(
    service: JudgedService, tool: str, *calls: dict[str, Any], answer: str | None = None
) -> list[CallToolResult]:
    """The results of calls of one client, whose user gives `answer` when asked."""

    async def ask(context: Any, params: ElicitRequestParams) -> ElicitResult:
        assert answer is not None
        return ElicitResult(action=answer, content={} if answer == "accept" else None)  # type: ignore[arg-type]

    async def work() -> list[CallToolResult]:
        callback = ask if answer is not None else None
        async with Client(service.url + "/mcp", elicitation_callback=callback) as client:
            return [await client.call_tool(tool, arguments) for arguments in calls]

    return anyio.run(work)


def text_of(result: CallToolResult) -> str:
    content = result.content[0]
    assert isinstance(content, TextContent)
    return content.text


def audited(data: Path) -> list[dict[str, Any]]:
    files = segments(data / "audit")
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


def at_command_line(clock: Clock, policy: Path, *words: str) -> int:
    return run(parse_arguments(["run", "--policy", str(policy), *words]), clock=clock)


@pytest.mark.parametrize("file", PUBLIC)
def test_http_refuses_the_eleventh_call_in_a_window_and_the_next_window_allows(
    file: str, data: Path, clock: Clock
) -> None:
    tool = Path(file).stem
    with served(EXAMPLES / file, data, clock, tool) as service, service.client() as client:
        assert [post(client).status_code for _ in range(10)] == [200] * 10
        clock.now += 20
        refused = post(client)
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == "40"
        problem = refused.json()
        assert (problem["code"], problem["title"]) == ("denied", "Too many calls")
        assert problem["rule"]
        clock.now += 40
        assert post(client).status_code == 200


@pytest.mark.parametrize("file", PUBLIC)
def test_mcp_refuses_the_eleventh_call_in_a_window_and_the_next_window_allows(
    file: str, data: Path, clock: Clock
) -> None:
    tool = Path(file).stem
    with served(EXAMPLES / file, data, clock, tool) as service:
        results = call_tool(service, tool, *[{"code": "1"}] * 11)
        assert [result.is_error for result in results] == [False] * 10 + [True]
        assert "Try again in 60 s" in text_of(results[-1])
        clock.now += 60
        assert not call_tool(service, tool, {"code": "1"})[0].is_error


@pytest.mark.parametrize("file", PUBLIC)
def test_the_command_line_refuses_the_eleventh_run_in_a_window_and_the_next_window_allows(
    file: str, data: Path, clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("--tool-name", Path(file).stem, "-c", "print('ran')")
    statuses = [at_command_line(clock, EXAMPLES / file, *words) for _ in range(11)]
    assert statuses == [0] * 10 + [REFUSED]
    printed = capfd.readouterr()
    assert printed.out == "ran\n" * 10
    assert printed.err.startswith("hermetic: denied: The call of")
    clock.now += 60
    assert at_command_line(clock, EXAMPLES / file, *words) == 0


def test_a_refusal_is_a_result_in_json(
    data: Path, clock: Clock, policy_file: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    policy = policy_file("default: deny\n")
    assert at_command_line(clock, policy, "--json", "-c", "1") == REFUSED
    result = json.loads(capfd.readouterr().out)
    assert result["outcome"] == "denied"
    assert result["error"]["type"] == "PolicyDenied"


def test_what_is_asked_for_is_capped_and_the_rule_is_named(
    data: Path, clock: Clock, policy_file: Callable[[str], Path]
) -> None:
    policy = policy_file(
        "default: allow\nsandbox: {limits: {memory_bytes: 67108864, wall_seconds: 5}}\n"
    )
    with served(policy, data, clock) as service, service.client() as client:
        refused = post(client, limits={"memory_bytes": 128 * 2**20})
        assert refused.status_code == 403
        assert refused.json()["rule"] == "sandbox"
        assert post(client, "bytearray(100 * 2**20)").json()["outcome"] == "memory"
        assert not call_tool(service, "python_execute", {"code": "1"})[0].is_error
    assert at_command_line(clock, policy, "--memory", "128MiB", "-c", "1") == REFUSED


def test_packages_and_imports_that_are_denied_are_not_had(
    data: Path, clock: Clock, policy_file: Callable[[str], Path]
) -> None:
    policy = policy_file(
        "default: allow\nsandbox: {packages: {deny: [six]}, imports: {deny: [socket]}}\n"
    )
    with served(policy, data, clock) as service, service.client() as client:
        result = post(client, requirements=["six"]).json()
        assert (result["outcome"], result["error"]["type"]) == ("denied", "PackageDenied")
        script = "# /// script\n# dependencies = ['six']\n# ///\n1"
        [called] = call_tool(service, "python_execute", {"code": "1", "requirements": ["six"]})
        assert "refuses the package six" in text_of(called)
        assert "refuses the import of socket" in post(client, "import socket").text
    assert at_command_line(clock, policy, "--with", "six", "-c", "1") == REFUSED
    assert at_command_line(clock, policy, "-c", script) == REFUSED
    assert at_command_line(clock, policy, "-c", "import socket") == 1


def test_an_interpreter_that_is_not_allowed_is_not_taken(
    data: Path, clock: Clock, policy_file: Callable[[str], Path]
) -> None:
    policy = policy_file("default: allow\nsandbox: {interpreters: [pyodide]}\n")
    with served(policy, data, clock) as service, service.client() as client:
        assert post(client, interpreter="wasi").json()["outcome"] == "denied"
        assert post(client, "import sys; sys.platform").json()["value"]["json"] == "emscripten"


APPROVAL = """
default: allow
tools:
  python_execute:
    rules:
      - {name: ask, action: require_approval}
"""


def test_http_answers_202_and_the_same_call_passes_once_when_it_was_approved(
    data: Path, clock: Clock, policy_file: Callable[[str], Path]
) -> None:
    with served(policy_file(APPROVAL), data, clock) as service, service.client() as client:
        waits = post(client, "6 * 7")
        assert (waits.status_code, waits.json()["code"]) == (202, "approval_required")
        approval = {"Hermetic-Approval": waits.json()["approval"]}
        assert post(client, "6 * 7", headers=approval).status_code == 202
        policy = service.service.policy
        assert policy is not None
        policy.gate.settle(waits.json()["approval"], approved=True, by="a test")
        assert post(client, "6 * 8", headers=approval).status_code != 200
        assert post(client, "6 * 7", headers=approval).json()["value"]["json"] == 42
        assert post(client, "6 * 7").status_code == 202


@pytest.mark.parametrize(("answer", "is_error"), [("accept", False), ("decline", True)])
def test_the_user_of_a_local_mcp_client_is_asked(
    data: Path,
    clock: Clock,
    policy_file: Callable[[str], Path],
    answer: str,
    is_error: bool,
) -> None:
    with served(policy_file(APPROVAL), data, clock) as service:
        [result] = call_tool(service, "python_execute", {"code": "6 * 7"}, answer=answer)
    assert result.is_error is is_error
    assert ("42" in text_of(result)) is not is_error


def test_a_client_that_can_not_ask_is_told_what_to_do(
    data: Path, clock: Clock, policy_file: Callable[[str], Path]
) -> None:
    with served(policy_file(APPROVAL), data, clock) as service:
        [result] = call_tool(service, "python_execute", {"code": "6 * 7"})
    assert "hermetic approvals approve" in text_of(result)


def test_a_hidden_tool_is_not_listed_and_is_refused(
    data: Path, clock: Clock, policy_file: Callable[[str], Path]
) -> None:
    async def listed(url: str) -> list[str]:
        async with Client(url) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    policy = policy_file("default: allow\nhide: [python_execute]\n")
    with served(policy, data, clock) as service:
        assert "python_execute" not in anyio.run(listed, service.url + "/mcp")
        [result] = call_tool(service, "python_execute", {"code": "1"})
        assert "hidden by policy" in text_of(result)


def test_a_call_that_never_ran_is_not_counted(
    data: Path, clock: Clock, policy_file: Callable[[str], Path]
) -> None:
    policy = policy_file(
        "default: allow\ntools: {python_execute: {rules: [{rate_limit: 1/hour}]}}\n"
    )
    with served(policy, data, clock) as service, service.client() as client:
        assert post(client, limits={"wall_seconds": 80_000}).status_code == 403
        assert post(client, args=["\0"]).status_code == 422
        assert post(client).status_code == 200
        assert post(client).status_code == 429


def test_a_request_that_is_repeated_is_not_judged_again(
    data: Path, clock: Clock, policy_file: Callable[[str], Path]
) -> None:
    policy = policy_file(
        "default: allow\ntools: {python_execute: {rules: [{rate_limit: 1/hour}]}}\n"
    )
    once = {"Idempotency-Key": "k1"}
    with served(policy, data, clock) as service, service.client() as client:
        assert post(client, "6 * 7", headers=once).json()["value"]["json"] == 42
        assert post(client, "6 * 7", headers=once).json()["value"]["json"] == 42
        assert post(client, "6 * 7").status_code == 429


def test_what_a_run_used_is_written_down_with_its_packages(
    data: Path, clock: Clock, policy_file: Callable[[str], Path]
) -> None:
    policy = policy_file("default: allow\n")
    with served(policy, data, clock) as service, service.client() as client:
        ran = post(client, "import six", requirements=["six"]).json()
    assert ran["outcome"] == "ok"
    assert ran["package_set"].startswith("pyodide-")
    assert at_command_line(clock, policy, "--with", "six", "-c", "import six") == 0
    for ended in [record for record in audited(data) if "outcome" in record]:
        assert (ended["outcome"], ended["lock"]) == ("ok", ran["package_set"])
        assert ended["spent"]["package_bytes"] > 10_000


def test_packages_can_be_had_until_their_bytes_are_spent(
    data: Path, clock: Clock, policy_file: Callable[[str], Path]
) -> None:
    policy = policy_file(
        "default: allow\n"
        "tools: {python_execute: {limits: [{spend: package_bytes, window: hour, max: 1}]}}\n"
    )
    assert at_command_line(clock, policy, "-c", "1") == 0
    assert at_command_line(clock, policy, "--with", "six", "-c", "import six") == 0
    assert at_command_line(clock, policy, "-c", "1") == REFUSED


def test_calls_that_run_nothing_are_judged_under_their_own_names(
    data: Path, clock: Clock, policy_file: Callable[[str], Path]
) -> None:
    file = policy_file("default: deny\ntools: {list_sessions: {rules: [{rate_limit: 1/hour}]}}\n")

    async def list_sessions(policy: EnforcedPolicy, *, fails: bool = False) -> None:
        async with policy.judged(LOCAL, "list_sessions", {}):
            if fails:
                raise LookupError

    with open_policy(
        file, GateSettings(data_directory=data), tool="python_execute", clock=clock
    ) as policy:
        with pytest.raises(LookupError):
            anyio.run(partial(list_sessions, policy, fails=True))
        anyio.run(list_sessions, policy)
        with pytest.raises(PolicyDenied) as raised:
            anyio.run(list_sessions, policy)
    assert raised.value.retry_after_seconds == 3600
