"""Making folders of the cache as a whole, one process at a time."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from hermetic_runtime.cache import UNFINISHED, private_directory


@contextmanager
def replacing(directory: Path) -> Generator[Path]:
    """A new directory that takes the place of `directory` when all went well."""
    unfinished = directory.with_name(f"{directory.name}{UNFINISHED}")
    shutil.rmtree(unfinished, ignore_errors=True)
    private_directory(unfinished)
    try:
        yield unfinished
        shutil.rmtree(directory, ignore_errors=True)
        unfinished.rename(directory)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def remove_unfinished(parent: Path) -> None:
    """Clear away what a preparation that was killed has left."""
    for path in parent.glob(f"*{UNFINISHED}"):
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def working_on(directory: Path) -> Generator[bool]:
    """Whether this process is the only one that works on `directory`, until the end."""
    from filelock import FileLock, Timeout

    lock = FileLock(directory.with_name(f"{directory.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
