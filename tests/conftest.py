from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_index import LocalIndex


@pytest.fixture(scope="session", autouse=True)
def shared_cache() -> Iterator[None]:
    """One cache for the whole session, away from the user's own, unless one was named.

    Nothing is compiled in the background: it would take the processors of the tests.
    """
    os.environ.setdefault("HERMETIC_BACKGROUND", "0")
    if "HERMETIC_CACHE_DIR" in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="hermetic-tests-") as folder:
        os.environ["HERMETIC_CACHE_DIR"] = folder
        yield
        del os.environ["HERMETIC_CACHE_DIR"]


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


@pytest.fixture
def index(tmp_path: Path, uv_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalIndex]:
    """An index of this test's own, which is the only one."""
    with LocalIndex(tmp_path / "index") as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        yield index
