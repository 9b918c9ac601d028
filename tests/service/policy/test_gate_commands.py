"""`hermetic approvals` and `hermetic audit`."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from stand_in_judges import Fixed, call_of

from hermetic.audit.log import segments
from hermetic.cli import main
from hermetic.errors import ApprovalRequired
from hermetic.policy.decisions import Verdict
from hermetic.policy.gate import Gate
from hermetic.policy.gate_settings import GateSettings
from hermetic.policy.opening import open_gate


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HERMETIC_DATA_DIRECTORY", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def gate(data: Path) -> Iterator[Gate]:
    with open_gate(GateSettings(data_directory=data), lambda: Fixed(Verdict.APPROVAL)) as gate:
        yield gate


@pytest.fixture
def waiting(gate: Gate) -> str:
    with pytest.raises(ApprovalRequired) as question:
        gate.admit(call_of(code="print('\x1b[2J')"))
    return question.value.approval


class Terminal:
    """What a command prints."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._captured = capfd
        self.said = ""

    def __call__(self, *arguments: str, status: int = 0) -> str:
        assert main(arguments) == status
        out, self.said = self._captured.readouterr()
        return out


@pytest.fixture
def hermetic(capfd: pytest.CaptureFixture[str]) -> Iterator[Terminal]:
    handler = signal.getsignal(signal.SIGTERM)
    yield Terminal(capfd)
    signal.signal(signal.SIGTERM, handler)


def test_what_waits_is_listed(hermetic: Terminal, waiting: str):
    assert hermetic("approvals", "list").startswith(f"{waiting}  pending  until ")
    assert json.loads(hermetic("approvals", "list", "--json"))["id"] == waiting


def test_what_was_decided_is_listed_with_all(hermetic: Terminal, waiting: str):
    hermetic("approvals", "deny", waiting)
    assert hermetic("approvals", "list") == ""
    assert "denied" in hermetic("approvals", "list", "--all")


def test_an_approval_is_shown_with_its_arguments_and_without_what_acts_on_a_terminal(
    hermetic: Terminal, waiting: str
):
    shown = hermetic("approvals", "show", waiting)
    assert json.loads(shown)["arguments"] == {"code": "print('\x1b[2J')"}
    assert "\x1b" not in shown


def test_who_approves_and_why_is_kept(hermetic: Terminal, waiting: str, gate: Gate):
    hermetic("approvals", "approve", waiting, "--by", "ada", "--why", "looked at it")
    assert f"{waiting} is approved" in hermetic.said
    shown = json.loads(hermetic("approvals", "show", waiting))
    assert (shown["state"], shown["decided_by"], shown["why"]) == (
        "approved",
        "ada",
        "looked at it",
    )
    gate.admit(call_of(code="print('\x1b[2J')")).abandoned()


def test_there_is_no_approving_twice(hermetic: Terminal, waiting: str):
    hermetic("approvals", "approve", waiting)
    hermetic("approvals", "approve", waiting, status=2)
    assert "error[approval_settled]" in hermetic.said


def test_what_was_never_asked_is_one_clear_error(hermetic: Terminal, data: Path):
    hermetic("approvals", "show", "ap_0", status=2)
    assert "error[unknown_approval]: there is no approval 'ap_0'" in hermetic.said


def test_the_log_is_shown_exported_and_verified(hermetic: Terminal, waiting: str, gate: Gate):
    hermetic("approvals", "approve", waiting)
    with gate.admit(call_of(code="print('\x1b[2J')")) as admission:
        pass
    events = [json.loads(line)["event"] for line in hermetic("audit", "tail").splitlines()]
    assert events == ["decided", "approval_settled", "decided", "abandoned"]
    assert len(hermetic("audit", "tail", "-n", "1").splitlines()) == 1
    assert len(hermetic("audit", "show", admission.id).splitlines()) == 2
    assert len(hermetic("audit", "show", waiting).splitlines()) == 3
    assert len(hermetic("audit", "export", "--tool", "run").splitlines()) == 4
    assert hermetic("audit", "export", "--until", "2001-01-01") == ""
    verified = hermetic("audit", "verify")
    assert verified.startswith("4 records, 1 to 4: ")
    last = verified.split()[-1]
    assert hermetic("audit", "verify", "--expect", last) == verified


def test_a_log_that_was_changed_is_said_to_be(hermetic: Terminal, waiting: str, data: Path):
    [path] = segments(data / "audit")
    path.write_bytes(path.read_bytes().replace(b'"sequence":1', b'"sequence":0'))
    hermetic("audit", "verify", status=1)
    assert "the audit log was changed: audit-00000001.jsonl:1" in hermetic.said


def test_a_hash_that_is_not_in_the_log_is_said(hermetic: Terminal, waiting: str):
    hermetic("audit", "verify", "--expect", "ab" * 32, status=1)
    assert "its end cut off" in hermetic.said


def test_an_empty_log_is_sound(hermetic: Terminal, data: Path):
    assert hermetic("audit", "verify").startswith("0 records")
    assert hermetic("audit", "tail") == ""


def test_a_call_that_is_not_in_the_log_is_an_error(hermetic: Terminal, data: Path):
    hermetic("audit", "show", "nothing", status=2)


@pytest.mark.parametrize(
    "arguments", [("audit", "tail", "-n", "0"), ("audit", "export", "--since", "soon")]
)
def test_what_is_not_understood_is_one_clear_error(hermetic: Terminal, arguments):
    hermetic(*arguments, status=2)
    assert "error[usage]" in hermetic.said


def test_folders_that_a_command_makes_can_be_used_by_all_others(hermetic: Terminal, data: Path):
    hermetic("audit", "tail")
    hermetic("approvals", "list")
    assert data.stat().st_mode & 0o777 == 0o700
