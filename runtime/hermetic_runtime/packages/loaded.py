"""A package set as a process that runs guests has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hermetic_runtime.errors import PreparationError
from hermetic_runtime.kernel.image import ImageFilesystem
from hermetic_runtime.packages.layout import DESCRIPTION, IMAGE


class LoadedPackages(NamedTuple):
    """`image` holds what site-packages holds; `side_modules` maps a path in it to the
    SHA-256 (hexadecimal) of the extension module there, and `cache` is the folder in which
    they are kept compiled: a process that runs guests has no environment to learn it from.
    """

    image: ImageFilesystem
    side_modules: Mapping[str, str]
    cache: Path | None = None

    @classmethod
    def load(cls, directory: Path) -> LoadedPackages:
        """Map a package set. Raises `PreparationError` when it is damaged."""
        try:
            description = json.loads((directory / DESCRIPTION).read_bytes())
            image = ImageFilesystem.load(directory / IMAGE)
            return cls(image, dict(description["side_modules"]), directory.parent.parent)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise PreparationError(
                f"the package set in {directory} is damaged: {error}",
                hint="`hermetic env remove` removes it; the next run makes it again.",
            ) from error
