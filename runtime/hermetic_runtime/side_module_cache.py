"""Where compiled side modules are kept. Quick to import."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import hexdigits
from typing import Any, cast

from hermetic_runtime.cache import cache_directory
from hermetic_runtime.compilation import Metering, compilation_key
from hermetic_runtime.errors import PreparationError
from hermetic_wasm.side_description import FORMAT

FOLDER = "side_modules"
DESCRIPTION = "description.json"
_SHA256_DIGITS = 64


def side_module_directory(sha256: str, metering: Metering, cache: Path | None = None) -> Path:
    """Where a compiled side module is, or will be, in `cache` or this process's cache.

    Raises `PreparationError` for what is no hash.
    """
    if len(sha256) != _SHA256_DIGITS or not set(sha256) <= set(hexdigits.lower()):
        raise PreparationError(f"{sha256[:80]!r} is not a SHA-256 in hexadecimal")
    return (cache or cache_directory()) / FOLDER / f"{FORMAT}-{sha256}" / compilation_key(metering)


def is_compiled(sha256: str, metering: Metering) -> bool:
    """Whether it is there as it was written, as far as sizes tell."""
    directory = side_module_directory(sha256, metering)
    try:
        check_sizes(directory, read_description(directory))
    except (PreparationError, OSError, ValueError):
        return False
    return True


def check_sizes(directory: Path, description: Mapping[str, Any]) -> None:
    """Raises `OSError` and `ValueError` when files are not as `description` says."""
    sizes: object = description.get("sizes", {})
    if not isinstance(sizes, dict):
        raise ValueError("its sizes are not an object")
    for name, size in cast("dict[str, object]", sizes).items():
        if (directory / name).stat().st_size != size:
            raise ValueError(f"{name} is not of {size} bytes")


def read_description(directory: Path) -> dict[str, Any]:
    """Raises `PreparationError` when it is missing or damaged."""
    try:
        given: object = json.loads((directory / DESCRIPTION).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(directory, error) from error
    if isinstance(given, dict):
        description = cast("dict[str, Any]", given)
        if isinstance(description.get("refused"), str) or set(description) == {"module", "sizes"}:
            return description
    raise damaged(directory, ValueError("its description is not one"))


def damaged(directory: Path, error: Exception) -> PreparationError:
    """The error for an entry that is not as it was written."""
    return PreparationError(
        f"the compiled extension module in {directory} is damaged: {error}",
        hint="`hermetic cache clear` removes it; the next run makes it again.",
    )
