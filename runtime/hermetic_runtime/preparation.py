"""Making an interpreter ready on this machine, once.

The work is done by a process of its own (`preparing`), so that the caller's keeps
its memory and threads to itself and can stop it at any moment: what is half made has
a temporary name, and one rename brings it in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hermetic_runtime.cache import cache_directory, private_directory
from hermetic_runtime.compilation import Metering, compilation_key
from hermetic_runtime.errors import PreparationError
from hermetic_runtime.prepared import (
    MANIFEST,
    PREPARED_FORMAT,
    is_complete,
    is_shortage,
    read_manifest,
)
from hermetic_runtime.time_zones import time_zones_version
from hermetic_wasm.images import PYODIDE, InterpreterImage


@dataclass(frozen=True, slots=True)
class Progress:
    """How far preparation is: `fraction` is 0 to 1 over everything."""

    step: str
    fraction: float
    detail: str = ""


def prepared_directory(metering: Metering, image: InterpreterImage = PYODIDE) -> Path:
    """Where an interpreter is, or will be, ready to run."""
    return _directory_below(cache_directory(), metering, image)


@cache
def _directory_below(folder: Path, metering: Metering, image: InterpreterImage) -> Path:
    return folder / "interpreters" / _place(metering, image)


@cache
def _place(metering: Metering, image: InterpreterImage) -> str:
    """Reads the whole image, which is the same while this process lives."""
    code = f"{image.name}-{image.version}-{image.content_hash()[:12]}"
    name = f"{code}-tz{time_zones_version()}-s{PREPARED_FORMAT}"
    return f"{name}/{compilation_key(metering)}"


def prepare(
    *,
    metering: str = Metering.NONE,
    on_progress: Callable[[Progress], None] | None = None,
) -> Path:
    """The directory of an interpreter that is ready to run; made if it is not there.

    Quick when it is there. Making it takes about ten seconds on two cores; a second
    process that asks meanwhile waits for the first. Raises `ImageError` when the
    interpreter's image is missing and `PreparationError` when it can't be made.
    """
    chosen = Metering(metering)
    directory = prepared_directory(chosen)
    if is_complete(directory):
        private_directory(directory)
        return directory
    from hermetic_runtime.preparing_process import run_preparing  # only needed this once

    run_preparing("interpreter", {"metering": chosen.value}, on_progress or (lambda _: None))
    if not is_complete(directory):
        raise PreparationError(f"preparing ended, but {directory} is not complete")
    return directory


def verify_and_repair(directory: Path) -> bool:
    """Check contents against their hashes; forget the directory if they differ.

    True if something was damaged: the next `prepare` makes it again.
    """
    try:
        files = read_manifest(directory)["files"]
        damaged = any(
            file_digest(directory / name) != digest for name, (_, digest) in files.items()
        )
    except OSError as error:
        damaged = not is_shortage(error)
    except (ValueError, KeyError, TypeError):
        damaged = True
    if damaged:
        (directory / MANIFEST).unlink(missing_ok=True)
    return damaged


def described_files(directory: Path) -> dict[str, tuple[int, str]]:
    """Size in bytes and SHA-256 of each file below `directory`, for a manifest there."""
    return {
        path.relative_to(directory).as_posix(): (path.stat().st_size, file_digest(path))
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def is_intact(path: Path) -> bool:
    """Whether a file has the contents that the manifest beside it says."""
    _, digest = read_manifest(path.parent)["files"][path.name]
    return file_digest(path) == digest


def file_digest(path: Path) -> str:
    """SHA-256 in hexadecimal. Raises `OSError`."""
    from hashlib import file_digest as digest_of

    with path.open("rb") as file:
        return digest_of(file, "sha256").hexdigest()
