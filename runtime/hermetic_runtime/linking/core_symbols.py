"""The symbols of the interpreter's core that side modules refer to."""

from __future__ import annotations

from functools import cache

from hermetic_runtime.linking.symbols import Symbols
from hermetic_wasm.images import PYODIDE


@cache
def core_symbols() -> Symbols:
    """Read once in a process. Raises `ImageError` when the image is damaged."""
    return Symbols(**PYODIDE.symbols())
