"""The report of all runs, which can be broken off."""

from __future__ import annotations

from pathlib import Path

from attempts import Attempt
from recorded_runs import Records, Run

from hermetic_runtime.reported import Outcome

RUN = Run("time", "a sleep", "wasi http")


def test_what_came_of_a_run_is_there_for_the_next_report(tmp_path: Path) -> None:
    with Records(tmp_path / "kept") as records:
        records.add(RUN, Attempt(Outcome.TIMEOUT, 0.41, ()), ("it was late",), second=True)

    with Records(tmp_path / "kept") as records:
        assert RUN in records
        assert Run("time", "a sleep", "wasi command") not in records
        assert records[RUN] == (RUN, "timeout", 0.41, ["it was late"], True)


def test_nothing_is_kept_where_no_file_is_given() -> None:
    with Records(None) as records:
        records.add(RUN, Attempt(None, 0.0, ()), (), second=False)

        assert records[RUN].outcome == "none"
