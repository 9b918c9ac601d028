"""The package sets that are kept: listing, checking and removing them."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hermetic_runtime.errors import InvalidInput, PreparationError
from hermetic_runtime.packages.layout import IMAGE, LAST_USE
from hermetic_runtime.packages.making import set_lock
from hermetic_runtime.packages.package_set import read_description, sets_directory
from hermetic_runtime.preparation import file_digest

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_UNFINISHED = ".installing-*"
_UNFINISHED_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class KeptSet:
    """`size_bytes` is what it takes on disk, `last_use` seconds since the epoch.
    `distributions` are versions by name. One that is not `complete` is made anew when it
    is asked for.
    """

    name: str
    directory: Path
    interpreter: str
    distributions: Mapping[str, str]
    size_bytes: int
    last_use: float
    complete: bool


def list_sets() -> list[KeptSet]:
    """All of them, the last used first."""
    return sorted(_kept(), key=lambda kept: -kept.last_use)


def find_set(name: str) -> KeptSet:
    """By its name, or the beginning of it. Raises `InvalidInput` if that is not one set's."""
    found = [kept for kept in _kept() if kept.name.startswith(name)]
    exact = [kept for kept in found if kept.name == name]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        names = ", ".join(sorted(kept.name for kept in found))
        raise InvalidInput(f"{name!r} begins the names of several package sets: {names}")
    raise InvalidInput(f"no package set is named {name!r}", hint="`hermetic env list` shows them.")


def set_bytes(name: str) -> int:
    """What the set of exactly this name takes on disk; 0 if there is none."""
    directory = sets_directory() / name
    return _bytes_below(directory) if _NAME.fullmatch(name) else 0


def remove_set(name: str) -> int:
    """Remove a set; the bytes freed. Guests that run keep what they have open.

    Raises `InvalidInput` when there is none, and `PreparationError`.
    """
    kept = find_set(name)
    _remove(kept.directory)
    return kept.size_bytes


def prune(*, unused_seconds: float = 0.0) -> list[KeptSet]:
    """Remove the sets that were last used longer ago than that; those that were removed.

    What their requests came to stays remembered: they come back as they were. What
    processes that were killed left unfinished a day ago goes too. Raises `PreparationError`.
    """
    for path in sets_directory().glob(_UNFINISHED):
        if path.stat().st_mtime < time.time() - _UNFINISHED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
    before = time.time() - unused_seconds
    removed = [kept for kept in _kept() if kept.last_use <= before]
    for kept in removed:
        _remove(kept.directory)
    return removed


def verify_and_repair_set(directory: Path) -> bool:
    """Compare a set with its hash, and remove it if they differ: True if it was damaged.

    The next request that comes to it makes it again.
    """
    with set_lock(directory):
        description = read_description(directory)
        try:
            intact = (
                description is not None
                and file_digest(directory / IMAGE) == description["image"][1]
            )
        except OSError:
            intact = False
        if not intact:
            shutil.rmtree(directory, ignore_errors=True)
        return not intact


def _kept() -> Iterator[KeptSet]:
    directories = [path for path in sets_directory().glob("*") if _NAME.fullmatch(path.name)]
    for directory in directories:
        try:
            size = _bytes_below(directory)
            stamp = directory / LAST_USE
            last_use = (stamp if stamp.exists() else directory).stat().st_mtime
        except FileNotFoundError:
            continue
        description = read_description(directory)
        yield KeptSet(
            name=directory.name,
            directory=directory,
            interpreter=description["interpreter"] if description else "",
            distributions=description["distributions"] if description else {},
            size_bytes=size,
            last_use=last_use,
            complete=description is not None,
        )


def _bytes_below(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def _remove(directory: Path) -> None:
    with set_lock(directory):
        try:
            shutil.rmtree(directory)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise PreparationError(
                f"the package set in {directory} can't be removed: {error}",
                hint="Remove the folder by hand.",
            ) from error
