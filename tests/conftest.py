from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest


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
