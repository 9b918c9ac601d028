"""Preparing a package set: extension modules to native code, sources to bytecode."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hermetic_runtime.compilation import Metering
from hermetic_runtime.kernel.image import ImageFilesystem
from hermetic_runtime.packages.bytecode import add_bytecode
from hermetic_runtime.packages.loaded import IMAGE, LoadedPackages
from hermetic_runtime.preparing import Report
from hermetic_runtime.side_modules import compile_side_modules


def prepare_task(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Compile the set at the path `set` for the interpreter at `interpreter`, both side by
    side: one is the compiler's work, the other a guest's. Gives the extension modules that
    can't be used, with reasons.
    """
    directory = Path(argument["set"])
    with ThreadPoolExecutor(1) as beside:
        side_modules = beside.submit(
            _compile_side_modules, directory, Metering(argument["metering"]), report
        )
        add_bytecode(directory, Path(argument["interpreter"]), report)
        return {"refused": side_modules.result()}


def _compile_side_modules(directory: Path, metering: Metering, report: Report) -> dict[str, str]:
    wanted = LoadedPackages.load(directory).side_modules
    if not wanted:
        return {}
    paths = {sha256: path for path, sha256 in wanted.items()}
    files = ImageFilesystem.load(directory / IMAGE).files()
    binaries = {wanted[path]: contents for path, contents in files if path in wanted}
    return compile_side_modules(
        binaries,
        metering,
        lambda fraction, sha256: report("compiling extension modules", fraction, paths[sha256]),
    )
