"""What is told of a run, as plain data."""

from __future__ import annotations

from dataclasses import asdict

from hermetic_runtime.reported import Display, Outcome, RunError, Value, WorkspaceFile
from hermetic_runtime.results import RunResult, StreamText

RESULT = RunResult(
    Outcome.ERROR,
    stdout=StreamText("out", truncated=True),
    value=Value("[1]", [1], is_json=True),
    displays=[Display({"text/plain": "a"})],
    files=[WorkspaceFile("a.csv", 3)],
    written=["a.csv"],
    error=RunError("ValueError", "wrong"),
    notes=["quick compiler"],
)


def test_a_result_as_data_has_every_field_of_every_part() -> None:
    assert RESULT.to_dict() == asdict(RESULT) | {"outcome": "error"}
    assert RunResult(Outcome.OK).to_dict() == asdict(RunResult(Outcome.OK)) | {"outcome": "ok"}


def test_who_changes_the_data_does_not_change_the_result() -> None:
    fields = RESULT.to_dict()
    fields["displays"][0]["data"].clear()
    fields["stdout"]["text"] = ""
    fields["notes"].clear()

    assert RESULT.displays[0].data == {"text/plain": "a"}
    assert RESULT.stdout.text == "out"
    assert RESULT.notes == ["quick compiler"]
