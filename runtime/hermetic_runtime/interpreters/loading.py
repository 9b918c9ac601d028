"""From a prepared directory to an interpreter that guests can be made of."""

from __future__ import annotations

from pathlib import Path

from hermetic_runtime.bindings import WasmtimeError
from hermetic_runtime.errors import PreparationError
from hermetic_runtime.interpreters.interface import LoadedInterpreter
from hermetic_runtime.prepared import read_manifest
from hermetic_wasm.wasi_image import WASI


def load_interpreter(directory: Path) -> LoadedInterpreter:
    """Load what `preparation.prepare` made.

    Raises `PreparationError` when something in `directory` is damaged.
    """
    try:
        manifest = read_manifest(directory)
        if manifest["interpreter"].startswith(f"{WASI.name}-"):
            from hermetic_runtime.interpreters.wasi import WasiInterpreter

            return WasiInterpreter.load(directory, manifest)
        from hermetic_runtime.interpreters.pyodide import PyodideInterpreter

        return PyodideInterpreter.load(directory, manifest)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        WasmtimeError,
    ) as error:
        raise PreparationError(
            f"the prepared interpreter in {directory} is damaged: {error}",
            hint="`hermetic cache clear` removes it; the next run makes it again.",
        ) from error
