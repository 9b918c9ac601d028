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


@pytest.fixture
def uv_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for uv."""
    directory = tmp_path / "uv-cache"
    monkeypatch.setenv("UV_CACHE_DIR", str(directory))
    return directory


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose wheels uv finds beside those of the index."""
    directory = tmp_path / "wheelhouse"
    directory.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(directory))
    return directory
