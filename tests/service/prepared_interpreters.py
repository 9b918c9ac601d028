"""Caches that have the interpreters which the session's cache has."""

from __future__ import annotations

from pathlib import Path

from hermetic_runtime.cache import cache_directory


def link_interpreters(cache: Path) -> None:
    """Let what is prepared in the session's cache be in `cache` too."""
    cache.mkdir(mode=0o700, exist_ok=True)
    for name in ("interpreters", "images"):
        (cache / name).symlink_to(cache_directory() / name)
