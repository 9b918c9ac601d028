"""The sorts of sandbox that a test of the runtime can ask for."""

from __future__ import annotations

import pytest
from sandbox_options import EVERY_SORT, SandboxOptions, name_of

from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.sandbox import Isolation


@pytest.fixture(params=["process", "shared"])
def isolation(request: pytest.FixtureRequest) -> Isolation:
    """Each test that asks for it runs in both modes."""
    return request.param


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest that was interrupted has as long to obey as the busiest machine may need."""
    for module in ("deadlines", "processes.supervision", "shared"):
        monkeypatch.setattr(f"hermetic_runtime.{module}.GRACE_SECONDS", 120.0)


@pytest.fixture(params=["pyodide", "wasi"])
def interpreter(request: pytest.FixtureRequest) -> InterpreterName:
    """Each test that asks for it runs with both interpreters, in the default isolation."""
    return request.param


@pytest.fixture(params=EVERY_SORT, ids=name_of)
def options(request: pytest.FixtureRequest) -> SandboxOptions:
    """Each test that asks for it runs with both interpreters, in both modes."""
    return request.param
