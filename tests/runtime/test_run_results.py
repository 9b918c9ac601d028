"""What is put together of a run, beside what its guest says."""

from __future__ import annotations

import pytest

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.reported import Outcome, RunError
from hermetic_runtime.requests import RunReport
from hermetic_runtime.results import Timings
from hermetic_runtime.run_results import run_result


def hint_of(kind: str, message: str) -> str | None:
    result = run_result(
        RunReport(Outcome.ERROR, error=RunError(kind, message)),
        written=[],
        output=CapturedOutput(0, None),
        timings=Timings(),
        interpreter="",
        packages=None,
    )
    assert result.error is not None
    return result.error.hint


@pytest.mark.parametrize("module", ["requests", "requests.adapters"])
def test_a_missing_package_comes_with_a_hint(module: str) -> None:
    hint = hint_of("ModuleNotFoundError", f"No module named '{module}'")
    assert hint is not None and "PEP 723" in hint


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("ModuleNotFoundError", "No module named 'curses'"),
        ("ModuleNotFoundError", "No module named 'xml.other'"),
        ("ModuleNotFoundError", "No module named 'js'"),
        ("ModuleNotFoundError", "import of ctypes halted; None in sys.modules"),
        ("ModuleNotFoundError", ""),
        ("ImportError", "No module named 'requests'"),
    ],
)
def test_other_failures_to_import_come_without_one(kind: str, message: str) -> None:
    assert hint_of(kind, message) is None
