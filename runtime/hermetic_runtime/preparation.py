"""Making an interpreter ready on this machine, once.

The work is done by a process of its own (`preparing`), so that the caller's keeps
its memory and threads to itself and can stop it at any moment: what is half made has
a temporary name, and one rename brings it in.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hermetic_runtime.cache import cache_directory, private_directory
from hermetic_runtime.compilation import Metering, compilation_key
from hermetic_runtime.errors import ImageError, PreparationError
from hermetic_runtime.prepared import MANIFEST, is_complete, read_manifest
from hermetic_runtime.processes.programs import isolated_python
from hermetic_wasm.images import PYODIDE, InterpreterImage

_ERRORS = {error.code: error for error in (ImageError, PreparationError)}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far preparation is: `fraction` is 0 to 1 over everything."""

    step: str
    fraction: float
    detail: str = ""


def prepared_directory(metering: Metering, image: InterpreterImage = PYODIDE) -> Path:
    """Where an interpreter is, or will be, ready to run."""
    name = f"{image.name}-{image.version}-{image.content_hash()[:12]}"
    return cache_directory() / "interpreters" / name / compilation_key(metering)


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
    _run_preparing(chosen, on_progress or (lambda _: None))
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
    except (OSError, ValueError, KeyError, TypeError):
        damaged = True
    if damaged:
        (directory / MANIFEST).unlink(missing_ok=True)
    return damaged


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run_preparing(metering: Metering, on_progress: Callable[[Progress], None]) -> None:
    on_progress(Progress("starting", 0.0))
    with subprocess.Popen(
        isolated_python("hermetic_runtime.preparing", metering.value),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            for line in process.stdout:
                _take_report(json.loads(line), on_progress)
            last_words = process.stderr.read().strip().splitlines()[-1:]
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        said = f": {last_words[0]}" if last_words else ""
        raise PreparationError(f"preparing ended with status {process.returncode}{said}")


def _take_report(report: dict[str, Any], on_progress: Callable[[Progress], None]) -> None:
    if "error" in report:
        error = _ERRORS.get(report["error"], PreparationError)
        raise error(report["message"], hint=report["hint"])
    on_progress(Progress(report["step"], report["fraction"], report["detail"]))
