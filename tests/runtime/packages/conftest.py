"""Fixtures of the packages' tests. uv and the package index are the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of Hermetic's in which nothing is remembered. uv's own is the user's."""
    directory = tmp_path / "cache"
    monkeypatch.setenv("HERMETIC_CACHE_DIR", str(directory))
    monkeypatch.delenv("HERMETIC_DISTRIBUTION_URL", raising=False)
    return directory
