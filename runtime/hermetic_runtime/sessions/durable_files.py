"""Files and folders that are there whole or not at all, also after a crash."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".partial"
"""How the name of what is not whole yet ends."""


@contextmanager
def replacing(path: Path) -> Generator[BinaryIO]:
    """A new file, which takes its name once it is whole and on disk."""
    partial = path.with_name(path.name + PARTIAL)
    try:
        with partial.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        synchronise(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def synchronise(directory: Path) -> None:
    """Have the names in a directory on disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder whose files are only ever replaced as a whole, so that they can be shared.

    `target` is there once all of it is.
    """
    partial = target.with_name(target.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial, symlinks=True, copy_function=os.link)
    partial.rename(target)
    synchronise(target.parent)


def share_file(source: Path, target: Path) -> None:
    """Give a file that never changes another name."""
    target.unlink(missing_ok=True)
    os.link(source, target)
    synchronise(target.parent)
