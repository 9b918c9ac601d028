"""Packing files into an image, while an interpreter is prepared."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from hermetic_runtime.kernel.constants import NAME_MAX
from hermetic_runtime.kernel.image import MAGIC, SIZES, checksum


def write_image(path: Path, entries: Iterable[tuple[str, bytes]]) -> None:
    """Pack (path, contents) pairs; directories come of themselves.

    `path` appears complete or not at all. Raises `ValueError` for a path that is
    absolute, not normalised, or given twice, and `OSError`.
    """
    tree: dict[str, Any] = {}
    contents: list[bytes] = []
    offset = 0
    for name, data in entries:
        _add_file(tree, name, [offset, len(data)])
        contents.append(data)
        offset += len(data)
    listings, root = _listings(tree)
    sizes = SIZES.pack(MAGIC, root, len(listings), offset)
    unfinished, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(unfinished, "wb") as file:
            file.write(sizes + checksum(sizes, listings) + listings)
            file.writelines(contents)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _add_file(tree: dict[str, Any], path: str, place: list[int]) -> None:
    *directories, name = path.split("/")
    for part in (*directories, name):
        if part in ("", ".", "..") or "\0" in part or len(os.fsencode(part)) > NAME_MAX:
            raise ValueError(f"an image can't hold the path {path!r}")
    for directory in directories:
        found: object = tree.setdefault(directory, {})
        if not isinstance(found, dict):
            raise ValueError(f"an image can't hold {path!r}: {directory!r} is a file in it")
        tree = cast("dict[str, Any]", found)
    if name in tree:
        raise ValueError(f"an image can't hold {path!r} twice")
    tree[name] = place


def _listings(tree: dict[str, Any]) -> tuple[bytes, int]:
    """Those of all directories, the root's last, and how many bytes that has."""
    directories = [tree]
    for directory in directories:
        directories += [found for found in directory.values() if isinstance(found, dict)]
    listings = bytearray()
    places: dict[int, list[int]] = {}
    size = 0
    for directory in reversed(directories):
        listing: dict[str, Any] = {}
        for name, found in directory.items():
            below = places.get(id(found))
            listing[name if below is None else f"{name}/"] = below or found
        encoded = json.dumps(listing, separators=(",", ":")).encode()
        size = len(encoded)
        places[id(directory)] = [len(listings), size]
        listings += encoded
    return bytes(listings), size
