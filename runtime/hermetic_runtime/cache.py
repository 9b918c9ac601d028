"""The folder that keeps what preparation makes: compiled code, and the packed standard library.

What is in it is executed as native code, so it is private to the user (mode 0700),
and a folder that somebody else owns or can write to is refused.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

from hermetic_runtime.errors import PreparationError

ENVIRONMENT_VARIABLE = "HERMETIC_CACHE_DIR"
UNFINISHED = ".unfinished"
"""How the name of a folder ends that is being made."""
_FOLDERS = {
    "interpreters": "*/*/",
    "images": "*/",
    "sets": "*/",
    "side_modules": "*/",
    "snapshots": "*/",
    "built_in": "*/",
    "resolutions": "",
}
"""What the cache is made of, and which paths in it are one entry each."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One prepared thing. `modified` is seconds since the epoch."""

    name: str
    path: Path
    size_bytes: int
    modified: float


def cache_directory() -> Path:
    """Where the cache is: `HERMETIC_CACHE_DIR`, or the platform's own place for caches."""
    chosen = os.environ.get(ENVIRONMENT_VARIABLE)
    if chosen:
        return _chosen_directory(chosen) if os.path.isabs(chosen) else Path(chosen).absolute()
    if os.name == "posix" and sys.platform != "darwin":
        return _usual_directory(os.environ.get("XDG_CACHE_HOME", ""), os.environ.get("HOME"))
    from platformdirs import user_cache_path  # slow to import, and only needed here

    return user_cache_path("hermetic", appauthor=False)


@cache
def _chosen_directory(absolute: str) -> Path:
    """The same object for every run, so that what is kept by path is found without parsing it."""
    return Path(absolute)


@cache
def _usual_directory(base: str, _home: str | None) -> Path:
    """From the variables that it depends on."""
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "hermetic"


def private_directory(path: Path) -> Path:
    """Make `path` if it is not there, and check that nobody else can write to it.

    Raises `PreparationError` when it can't be made or is not private.
    """
    try:
        if not path.is_dir():
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise PreparationError(
            f"the cache folder {path} can't be used: {error.strerror}",
            hint=f"Set {ENVIRONMENT_VARIABLE} to a folder that you can write to.",
        ) from error
    if hasattr(os, "getuid") and (
        status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022
    ):
        raise PreparationError(
            f"the cache folder {path} can be written to by others, and holds code that is executed",
            hint=f"chmod go-w it, own it, or set {ENVIRONMENT_VARIABLE} to another folder.",
        )
    return path


@contextmanager
def preparing_lock(cache: Path) -> Generator[None]:
    """Held while something is made or removed; a second process waits for it."""
    from filelock import FileLock

    with FileLock(private_directory(cache) / "preparing.lock"):
        yield


def _has_kept(folder: Path, keep: Collection[Path]) -> bool:
    return any(folder in path.parents for path in keep)


def describe_cache() -> list[CacheEntry]:
    """What is prepared, oldest first."""
    return sorted(_entries(cache_directory()), key=lambda entry: entry.modified)


def _entries(cache: Path) -> Iterator[CacheEntry]:
    patterns = (f"{folder}/{entry}" for folder, entry in _FOLDERS.items() if entry)
    for path in chain.from_iterable(map(cache.glob, patterns)):
        if path.name.startswith(".") or path.name.endswith(UNFINISHED):
            continue
        try:
            size = sum(item.stat().st_size for item in path.rglob("*") if item.is_file())
            modified = path.stat().st_mtime
        except FileNotFoundError:
            continue
        yield CacheEntry(path.relative_to(cache).as_posix(), path, size, modified)


def clear_cache(keep: Collection[Path] = ()) -> int:
    """Remove everything but the entries `keep`, once no preparation is under way; the
    bytes freed.

    Sandboxes that are running keep what they have open. Raises `PreparationError` when
    something can't be removed.
    """
    from shutil import rmtree  # 3 ms that a run need not spend

    cache = cache_directory()
    if not cache.is_dir():
        return 0
    with preparing_lock(cache):
        entries = [entry for entry in _entries(cache) if entry.path not in keep]
        freed = sum(entry.size_bytes for entry in entries)
        whole = [cache / name for name in _FOLDERS if not _has_kept(cache / name, keep)]
        try:
            for path in (*whole, *(entry.path for entry in entries)):
                if path.exists():
                    rmtree(path)
        except OSError as error:
            raise PreparationError(
                f"the cache folder {cache} can't be cleared: {error}",
                hint="Close what still uses it, or remove the folder by hand.",
            ) from error
    return freed
