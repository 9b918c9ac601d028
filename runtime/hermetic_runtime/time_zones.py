"""The time zones for Pyodide, whose standard library comes without: those of `tzdata`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tzdata


def time_zones_version() -> str:
    """Of the package and so of its data, such as `2026.1`."""
    return tzdata.__version__


def time_zone_files() -> Iterator[tuple[str, bytes]]:
    """Name, relative to an import path of the guest, and contents of every file."""
    package = Path(tzdata.__file__).parent
    for path in sorted(package.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            yield path.relative_to(package.parent).as_posix(), path.read_bytes()
