"""The interpreters that can run in the sandbox, and the files that make them up.

Each image is package data, made by the build of this distribution (`build`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hermetic_wasm.errors import ImageError

_PACKAGE = Path(__file__).parent
DATA = _PACKAGE / "data"

CORE = "core.wasm"
MEMORY = "memory.wasm"
STUBS = "stubs.wasm"
STANDARD_LIBRARY = "python_stdlib.zip"
DISTRIBUTION_LOCK = "pyodide-lock.json"
LAYOUT = "layout.json"
SYMBOLS = "symbols.json"


def guest_sources() -> Iterator[tuple[str, bytes]]:
    """Name, relative to an import path of the guest, and contents of our own modules."""
    root = _PACKAGE / "guest"
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root).as_posix(), path.read_bytes()


class InterpreterImage(NamedTuple):
    """A CPython for WebAssembly, pinned.

    `integrity` is the npm package's (Subresource Integrity, sha512). The files, all read
    on demand:

    - `core.wasm`: the interpreter's code; imports its memory (see `core_module`)
    - `memory.wasm`: the memory it starts with
    - `stubs.wasm`: functions that it imports and the host does not have (`import_stubs`)
    - `python_stdlib.zip`: the standard library, as sources
    - `pyodide-lock.json`: the packages of the Pyodide distribution
    - `layout.json`: what core.wasm imports and who provides it, its state, its sizes
    - `symbols.json`: table slots of exported functions, addresses of exported data
    """

    name: str
    version: str
    python: str
    npm_package: str
    integrity: str
    licence: str

    def path(self, file: str) -> Path:
        """Where a file of the image is.

        Raises `ImageError` when it is missing.
        """
        path = DATA / self.name / file
        if not path.is_file():
            raise ImageError(
                f"{file} of the interpreter {self.name} {self.version} is missing in {path.parent}",
                hint="Reinstall the package: `uv sync --reinstall-package hermetic-wasm`.",
            )
        return path

    def read(self, file: str) -> bytes:
        """The contents of a file. Raises `ImageError` when it is missing."""
        return self.path(file).read_bytes()

    def layout(self) -> dict[str, Any]:
        """The parsed layout.json, whose keys `layout.Layout` describes."""
        return self._json(LAYOUT)

    def symbols(self) -> dict[str, dict[str, int]]:
        """`function_slots` and `global_addresses`, by export name."""
        return self._json(SYMBOLS)

    def _json(self, file: str) -> Any:
        try:
            return json.loads(self.read(file))
        except ValueError as error:
            raise ImageError(
                f"{file} of the interpreter {self.name} {self.version} is damaged: {error}",
                hint="Reinstall the package: `uv sync --reinstall-package hermetic-wasm`.",
            ) from error

    def trampoline(self) -> str:
        """The module that CPython's method calls go through, in the text format."""
        return (_PACKAGE / "trampoline.wat").read_text(encoding="utf-8")

    def guest_sources(self) -> Iterator[tuple[str, bytes]]:
        """As the function of this name."""
        return guest_sources()

    def content_hash(self) -> str:
        """SHA-256, in hexadecimal, that changes when anything in the image changes."""
        from hashlib import sha256  # 2 ms that a process which only loads need not spend

        digest = sha256(self.layout()["content_hash"].encode())
        digest.update(self.trampoline().encode())
        for name, source in self.guest_sources():
            digest.update(f"\0{name}\0{len(source)}\0".encode())
            digest.update(source)
        return digest.hexdigest()


PYODIDE = InterpreterImage(
    name="pyodide",
    version="314.0.7",
    python="3.14.2",
    npm_package="pyodide",
    integrity="sha512-"
    "0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5JEsOlD2R1A==",
    licence="MPL-2.0",
)
