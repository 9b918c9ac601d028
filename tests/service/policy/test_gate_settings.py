"""What the gate is told by the environment."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from stand_in_judges import Limited, call_of

from hermetic.errors import InvalidInput, PolicyDenied
from hermetic.policy.gate_settings import GateSettings
from hermetic.policy.opening import open_gate
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult

DOCS = Path(__file__).parents[3] / "docs"


def test_settings_come_from_the_environment(tmp_path: Path):
    settings = GateSettings.read(
        {
            "HERMETIC_DATA_DIRECTORY": str(tmp_path),
            "HERMETIC_COUNTERS": "redis://127.0.0.1/0",
            "HERMETIC_COUNTERS_DOWN": "allow",
            "HERMETIC_APPROVAL_SECONDS": "5",
            "HERMETIC_AUDIT_VALUES": "1",
        }
    )
    assert settings == GateSettings(
        data_directory=tmp_path,
        counters="redis://127.0.0.1/0",
        counters_down="allow",
        approval_seconds=5,
        audit_values=True,
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("COUNTERS_DOWN", "maybe"),
        ("APPROVAL_SECONDS", "soon"),
        ("APPROVAL_SECONDS", "0"),
        ("AUDIT_SEGMENT_BYTES", "inf"),
        ("AUDIT_FSYNC", "perhaps"),
    ],
)
def test_what_no_setting_can_be_is_refused(name: str, text: str):
    with pytest.raises(InvalidInput, match=name.lower() + "|" + name):
        GateSettings.read({f"HERMETIC_{name}": text})


def test_a_secret_is_not_shown():
    assert "hush" not in repr(GateSettings(webhook_secret="hush"))


def test_every_setting_is_documented():
    text = (DOCS / "approvals.md").read_text() + (DOCS / "audit.md").read_text()
    for each in fields(GateSettings):
        assert f"`HERMETIC_{each.name.upper()}`" in text


def test_a_gate_is_opened_as_settings_say(tmp_path: Path, redis):
    settings = GateSettings(data_directory=tmp_path / "data", counters=redis.url)
    tool = "opened_as_settings_say"
    for _ in range(2):  # nodes, one after the other
        with open_gate(settings, lambda: Limited(most=2), clock=lambda: 60.0) as gate:
            gate.admit(call_of(tool)).carried_out(RunResult(Outcome.OK))
    with (
        open_gate(settings, lambda: Limited(most=2), clock=lambda: 60.0) as gate,
        pytest.raises(PolicyDenied),
    ):
        gate.admit(call_of(tool))
