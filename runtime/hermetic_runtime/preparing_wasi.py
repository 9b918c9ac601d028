"""Preparing the WASI interpreter: fetching, compiling, packing its library, snapshots."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermetic_runtime import engine
from hermetic_runtime.cache import cache_directory, preparing_lock, private_directory
from hermetic_runtime.compilation import Compiler, Metering
from hermetic_runtime.environments import Environment
from hermetic_runtime.preparation import described_files, is_intact
from hermetic_runtime.preparation_wasi import prepared_wasi_directory
from hermetic_runtime.prepared import MANIFEST, SNAPSHOTS, Manifest, is_complete
from hermetic_runtime.preparing import Report
from hermetic_runtime.preparing_progress import passing_time
from hermetic_runtime.replacement import replacing, working_on
from hermetic_runtime.snapshots.making import VARIANTS, make_snapshot
from hermetic_runtime.snapshots.preloads import STANDARD
from hermetic_runtime.wasi_artifact import CORE, MEMORY, STANDARD_LIBRARY, fetch, read_layout
from hermetic_runtime.wasi_library import pack_library
from hermetic_wasm.wasi_image import MOST_MEMORY_PAGES, WASI

_FETCHED, _COMPILED, _PACKED = 0.3, 0.75, 0.85
"""Fractions of the whole by which a step is over."""
_COMPILE_SECONDS = {Compiler.WINCH: 16.0, Compiler.CRANELIFT: 50.0}


def prepare_task(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Prepare the interpreter with the `metering` and the `compiler` that `argument` names,
    fetching it with the executable `uv` if need be.
    """
    metering, compiler = Metering(argument["metering"]), Compiler(argument["compiler"])
    directory = prepared_wasi_directory(metering, compiler)
    cache = cache_directory()
    private_directory(cache / "interpreters")
    private_directory(directory.parent)
    with preparing_lock(cache):
        if not is_complete(directory):
            fetch(argument["uv"], report, last=_FETCHED)
        if compiler is Compiler.WINCH:
            _prepare(directory, metering, compiler, report)
    if compiler is Compiler.CRANELIFT:
        # Others need not wait for the slow compiler; a second one would only slow it down.
        with working_on(directory) as alone:
            if alone:
                _prepare(directory, metering, compiler, report)
    return {}


def _prepare(directory: Path, metering: Metering, compiler: Compiler, report: Report) -> None:
    if is_complete(directory):
        return
    with replacing(directory) as unfinished:
        _compile(unfinished, metering, compiler, report)
        _write_manifest(unfinished, metering, compiler)
        _add_library(directory.parent, unfinished, report)
        _write_manifest(unfinished, metering, compiler)
        for number in range(VARIANTS):
            report("making snapshots", _PACKED + (1 - _PACKED) * number / VARIANTS, "")
            snapshot = unfinished / SNAPSHOTS / str(number)
            snapshot.mkdir(parents=True)
            make_snapshot(Environment(unfinished), STANDARD, snapshot)
        _write_manifest(unfinished, metering, compiler)


def _compile(directory: Path, metering: Metering, compiler: Compiler, report: Report) -> None:
    artifacts = fetch("", report)
    wasmtime_engine = engine.create_engine(metering, compiler)
    seconds = _COMPILE_SECONDS[compiler]
    with passing_time("compiling the interpreter", seconds, _FETCHED, _COMPILED, report):
        for source in (CORE, MEMORY):
            compiled = engine.compile_module(wasmtime_engine, (artifacts / source).read_bytes())
            (directory / source).with_suffix(".cwasm").write_bytes(compiled)


def _add_library(parent: Path, directory: Path, report: Report) -> None:
    """Link the packed library into `directory`, made by the first that is prepared."""
    target = directory / "library.image"
    for other in parent.glob("*/library.image"):
        if other.parent != directory and is_complete(other.parent) and is_intact(other):
            os.link(other, target)
            return
    report("packing the library", _COMPILED, "")
    pack_library(directory, fetch("", report) / STANDARD_LIBRARY)


def _write_manifest(directory: Path, metering: Metering, compiler: Compiler) -> None:
    layout = read_layout()
    manifest: Manifest = {
        "interpreter": f"{WASI.name}-{WASI.version} (CPython {WASI.python})",
        "metering": metering.value,
        "compiler": compiler.value,
        "files": described_files(directory),
        "imports": layout["imports"],
        "mutable_globals": layout["mutable_globals"],
        "most_memory_pages": MOST_MEMORY_PAGES,
        "stubs": [],
    }
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=1))


__all__ = ["prepare_task"]
