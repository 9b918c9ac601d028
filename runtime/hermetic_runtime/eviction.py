"""Keeping the cache within a size: what was not used for longest goes first.

What a process holds, what a session starts from, and what was used within the last
minutes is never removed.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from hermetic_runtime.cache import CacheEntry, cache_directory, describe_cache, preparing_lock
from hermetic_runtime.cache_use import is_held
from hermetic_runtime.compilation import Metering
from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.limits import GIB
from hermetic_runtime.packages.package_set import read_description, sets_directory
from hermetic_runtime.side_module_cache import side_module_directory

BUDGET_VARIABLE = "HERMETIC_CACHE_BYTES"
DEFAULT_BUDGET_BYTES = 10 * GIB
RECENT_SECONDS = 600.0
"""Between being found and being held, an entry is safe for this long."""


def budget_bytes() -> int:
    """The size that the cache may have. Raises `InvalidInput` when the variable is wrong."""
    text = os.environ.get(BUDGET_VARIABLE)
    if text is None:
        return DEFAULT_BUDGET_BYTES
    if not text.isdecimal():
        raise InvalidInput(f"{BUDGET_VARIABLE} must be a number of bytes, not {text!r}")
    return int(text)


def evict(budget: int | None = None, *, recent_seconds: float = RECENT_SECONDS) -> list[CacheEntry]:
    """Remove entries until the cache fits `budget` bytes; those that were removed.

    Waits for a preparation that is under way.
    """
    allowed = budget_bytes() if budget is None else budget
    removed: list[CacheEntry] = []
    with preparing_lock(cache_directory()):
        entries = describe_cache()
        total = sum(entry.size_bytes for entry in entries)
        needed = needed_entries() if total > allowed else frozenset[Path]()
        for entry in entries:
            if total <= allowed:
                break
            if entry.modified > time.time() - recent_seconds or entry.path in needed:
                continue
            if is_held(entry.path):
                continue
            shutil.rmtree(entry.path, ignore_errors=True)
            total -= entry.size_bytes
            removed.append(entry)
    return removed


def needed_entries() -> frozenset[Path]:
    """What sessions start from, and extension modules of package sets that are there."""
    return needed_by_sessions() | frozenset(_of_sets())


def needed_by_sessions() -> frozenset[Path]:
    """The environments of all sessions: without them, their variables are lost."""
    from hermetic_runtime.sessions.store import environments_in_use

    return frozenset(
        path for environment in environments_in_use() for path in environment if path is not None
    )


def _of_sets() -> Iterator[Path]:
    for directory in sets_directory().glob("*/"):
        description = read_description(directory)
        for sha256 in description["side_modules"].values() if description else ():
            yield side_module_directory(sha256, Metering.NONE).parent
