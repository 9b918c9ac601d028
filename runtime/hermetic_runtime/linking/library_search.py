"""Where the libraries are that a side module needs: in its own package set, nowhere else."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Sequence

_ORIGIN = "$ORIGIN"


def find_library(
    paths: Collection[str], module: str, name: str, runtime_paths: Sequence[str]
) -> str | None:
    """The path, relative to site-packages as all of `paths` are, of a library that
    `module` needs: on its runtime paths, beside it, or in the folder `*.libs` in which
    wheels carry libraries.
    """
    origin = posixpath.dirname(module)
    for folder in (*runtime_paths, origin):
        folder = folder.replace(_ORIGIN, origin or ".")
        candidate = posixpath.normpath(posixpath.join(folder, name))
        if candidate in paths:
            return candidate
    for path in sorted(paths):
        folder, _, file = path.rpartition("/")
        if file == name and folder.endswith(".libs"):
            return path
    return None
