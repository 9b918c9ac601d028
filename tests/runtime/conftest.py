from __future__ import annotations

import pytest

from hermetic_runtime.sandbox import Isolation


@pytest.fixture(params=["process", "shared"])
def isolation(request: pytest.FixtureRequest) -> Isolation:
    """Each test that asks for it runs in both modes."""
    return request.param
