"""Preparing Pyodide: compiling it, packing its standard library, and taking snapshots."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermetic_runtime import engine
from hermetic_runtime.cache import cache_directory, preparing_lock, private_directory
from hermetic_runtime.compilation import Metering
from hermetic_runtime.environments import Environment
from hermetic_runtime.preparation import described_files, is_intact, prepared_directory
from hermetic_runtime.prepared import (
    MANIFEST,
    SNAPSHOTS,
    Manifest,
    is_complete,
)
from hermetic_runtime.preparing import Report
from hermetic_runtime.preparing_progress import passing_time
from hermetic_runtime.replacement import remove_unfinished, replacing
from hermetic_runtime.snapshots.making import VARIANTS, make_snapshot
from hermetic_runtime.snapshots.preloads import STANDARD
from hermetic_runtime.standard_library import pack_compiled, pack_sources
from hermetic_wasm.images import PYODIDE, InterpreterImage

_COMPILE_SECONDS = 6.0
_COMPILE_SHARE = 0.55
_LIBRARY_SHARE = 0.35


def prepare_task(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Prepare the interpreter with the `metering` that `argument` names."""
    prepare_interpreter(Metering(argument["metering"]), report)
    return {}


def prepare_interpreter(
    metering: Metering, report: Report, image: InterpreterImage = PYODIDE
) -> None:
    """Make `prepared_directory(metering)`, unless another process has made it meanwhile."""
    directory = prepared_directory(metering, image)
    cache = cache_directory()
    with preparing_lock(cache):
        if is_complete(directory):
            return
        private_directory(cache / "interpreters")
        remove_unfinished(directory.parent)
        with replacing(directory) as unfinished:
            _compile(metering, image, unfinished, report)
            _write_manifest(unfinished, metering, image)
            _add_standard_library(directory.parent, unfinished, image, report)
            _write_manifest(unfinished, metering, image)
            _add_snapshots(unfinished, report)
            _write_manifest(unfinished, metering, image)


def _compile(metering: Metering, image: InterpreterImage, directory: Path, report: Report) -> None:
    wasmtime_engine = engine.create_engine(metering)
    with passing_time("compiling the interpreter", _COMPILE_SECONDS, 0.0, _COMPILE_SHARE, report):
        for name, source in (
            ("core", image.read("core.wasm")),
            ("memory", image.read("memory.wasm")),
            ("stubs", image.read("stubs.wasm")),
            ("trampoline", image.trampoline()),
        ):
            path = directory / f"{name}.cwasm"
            path.write_bytes(engine.compile_module(wasmtime_engine, source))


def _add_standard_library(
    parent: Path, directory: Path, image: InterpreterImage, report: Report
) -> None:
    """Link the packed library into `directory`, made by the first metering prepared."""
    target = directory / "library.image"
    for other in parent.glob("*/library.image"):
        if other.parent != directory and is_complete(other.parent) and is_intact(other):
            os.link(other, target)
            return
    pack_sources(target, image)
    compiled = directory / "compiled.image"

    def packed(fraction: float, name: str) -> None:
        share = _COMPILE_SHARE + _LIBRARY_SHARE * fraction
        report("compiling the standard library", share, name)

    pack_compiled(directory, compiled, image, packed)
    compiled.rename(target)


def _add_snapshots(directory: Path, report: Report) -> None:
    begun = _COMPILE_SHARE + _LIBRARY_SHARE
    for number in range(VARIANTS):
        report("making snapshots", begun + (1 - begun) * number / VARIANTS, "")
        snapshot = directory / SNAPSHOTS / str(number)
        snapshot.mkdir(parents=True)
        make_snapshot(Environment(directory), STANDARD, snapshot)


def _write_manifest(directory: Path, metering: Metering, image: InterpreterImage) -> None:
    layout = image.layout()
    manifest: Manifest = {
        "interpreter": f"{image.name}-{image.version} (CPython {image.python})",
        "metering": metering.value,
        "files": described_files(directory),
        "imports": [(module, name, provider) for module, name, *_, provider in layout["imports"]],
        "mutable_globals": layout["mutable_globals"],
        "most_memory_pages": layout["memory"]["maximum"],
        "stubs": layout["stubs"],
    }
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=1))
