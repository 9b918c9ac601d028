"""Sessions in a state directory of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.sessions.session import Session


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the sessions of one test are."""
    monkeypatch.setenv("HERMETIC_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def session(directory: Path, interpreter: InterpreterName) -> Iterator[Session]:
    """Of one interpreter, and then of the other."""
    with Session.create("main", interpreter=interpreter) as session:
        yield session
