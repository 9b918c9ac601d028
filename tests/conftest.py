"""What all tests run with: a cache of their own, and patience with the network."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from local_index import LocalIndex

settings.register_profile(
    "the same on every machine",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("the same on every machine")
_PATIENT_DOWNLOADS = {
    "UV_HTTP_TIMEOUT": "120",
    "UV_HTTP_RETRIES": "8",
    "PIP_DEFAULT_TIMEOUT": "120",
    "PIP_RETRIES": "8",
    "npm_config_fetch_retries": "8",
}
_CACHE = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """One cache for all workers, away from the user's own, unless one was named.

    A network that is slow for a while fails nothing. Nothing is compiled in the background: it
    would take the processors of the tests. A shell lets what it starts in the background ignore
    SIGINT, which tests send to what they start.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.setdefault("HERMETIC_BACKGROUND", "0")
    for name, value in _PATIENT_DOWNLOADS.items():
        os.environ.setdefault(name, value)
    if "HERMETIC_CACHE_DIR" not in os.environ:
        config.stash[_CACHE] = tempfile.TemporaryDirectory(
            prefix="hermetic-tests-", ignore_cleanup_errors=True
        )
        os.environ["HERMETIC_CACHE_DIR"] = config.stash[_CACHE].name


def pytest_unconfigure(config: pytest.Config) -> None:
    if _CACHE in config.stash:
        config.stash[_CACHE].cleanup()


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
