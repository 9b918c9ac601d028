"""What came of each run, in a file of JSON lines, so that a broken off report can go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple, TextIO

from attempts import Attempt


class Run(NamedTuple):
    group: str
    program: str
    way: str


class Record(NamedTuple):
    """`second` says that it was run twice, because something was wrong the first time."""

    run: Run
    outcome: str
    seconds: float
    faults: list[str]
    second: bool


class Records:
    """Kept in memory, and in `path` if there is one. A context manager."""

    def __init__(self, path: Path | None) -> None:
        self._records: dict[Run, Record] = {}
        self._file: TextIO | None = None
        if path is None:
            return
        self._file = path.open("a+", encoding="utf-8")
        self._file.seek(0)
        for line in self._file:
            run, *rest = json.loads(line)
            self._records[Run(*run)] = Record(Run(*run), *rest)

    def __contains__(self, run: Run) -> bool:
        return run in self._records

    def __getitem__(self, run: Run) -> Record:
        return self._records[run]

    def add(self, run: Run, last: Attempt, faults: tuple[str, ...], second: bool) -> None:
        outcome = last.outcome.value if last.outcome else "none"
        record = Record(run, outcome, round(last.seconds, 3), list(faults), second)
        self._records[run] = record
        if self._file is not None:
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
