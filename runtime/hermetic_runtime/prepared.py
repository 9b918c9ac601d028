"""What preparation leaves in an interpreter's directory, and how it is looked at again.

Kept apart from the making of it, because every process that runs guests reads it.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import NotRequired, TypedDict, cast

MANIFEST = "manifest.json"
SNAPSHOTS = "snapshots"
"""The folder of the snapshots over no packages, which are numbered."""
PREPARED_FORMAT = 5
"""Changes when what is in a snapshot or an image changes otherwise than by its interpreter."""


_complete: dict[str, tuple[int, int, int]] = {}
"""By folder: with which version of its manifest all its files were there."""


class Manifest(TypedDict):
    """`manifest.json`. `files` gives each file's size in bytes and SHA-256; `imports` are
    the core module's in order, as (module, name, provider); `mutable_globals` are the names
    under which it exports its state; `stubs` are the names of the functions that the stub
    module exports, in order; `compiler` is which of wasmtime's made the code, the optimising
    one if it does not say.
    """

    interpreter: str
    metering: str
    files: dict[str, tuple[int, str]]
    imports: list[tuple[str, str, str]]
    mutable_globals: list[str]
    most_memory_pages: int
    stubs: list[str]
    compiler: NotRequired[str]


def is_shortage(error: OSError) -> bool:
    """Whether the system had no more descriptors or memory, which says nothing of a file."""
    return error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def read_manifest(directory: Path) -> Manifest:
    """Raises OSError, and ValueError for what is not of the form of one."""
    try:
        given: object = json.loads((directory / MANIFEST).read_bytes())
    except RecursionError as error:
        raise ValueError(f"{directory / MANIFEST} is nested too deeply") from error
    manifest = cast("Manifest", given)
    if not isinstance(given, dict) or not isinstance(manifest.get("files"), dict):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"{directory / MANIFEST} is not a manifest")
    return manifest


def is_complete(directory: Path) -> bool:
    """Whether every file is there with the size that was written. Reads no contents.

    The files are looked at once for each manifest, which is written after them and goes with
    them: nothing in such a folder changes by itself. What somebody damages behind that is
    found by the process that loads it, and then by `verify_and_repair`.
    """
    folder = os.fspath(directory)
    try:
        status = os.stat(f"{folder}/{MANIFEST}")
        version = status.st_ino, status.st_mtime_ns, status.st_size
        if _complete.get(folder) == version:
            return True
        files = read_manifest(directory)["files"]
        if any(os.stat(f"{folder}/{name}").st_size != size for name, (size, _) in files.items()):
            return False
    except (OSError, ValueError, KeyError, TypeError):
        return False
    _complete[folder] = version
    return True
