"""Making the files of the Pyodide image from the package that its project publishes."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hermetic_wasm import npm
from hermetic_wasm.core_module import split_memory
from hermetic_wasm.errors import ImageError
from hermetic_wasm.images import (
    CORE,
    DATA,
    DISTRIBUTION_LOCK,
    LAYOUT,
    MEMORY,
    PYODIDE,
    STANDARD_LIBRARY,
    STUBS,
    SYMBOLS,
)
from hermetic_wasm.import_stubs import generate_stubs
from hermetic_wasm.layout import (
    Layout,
    describe_imports,
    function_slots,
    global_addresses,
    memory_limits,
    stubbed_functions,
    table_limits,
)
from hermetic_wasm.legacy_exceptions import translate
from hermetic_wasm.module import Module

_MAIN = "pyodide.asm.wasm"
_MEMBERS = (_MAIN, STANDARD_LIBRARY, DISTRIBUTION_LOCK)
_MEMBER_BYTES = 100 * 1024 * 1024
_STAMP = "stamp"


def fetch_pyodide(into: Path) -> Path:
    """Download the pinned npm package with the npm client; the path of the tarball.

    Raises `ImageError` when that does not work or the package is not the one pinned.
    """
    return npm.fetch_package(PYODIDE.npm_package, PYODIDE.version, PYODIDE.integrity, into)


def build_pyodide(tarball: Path, destination: Path) -> None:
    """Make the directory `destination`, anew, with every file of the image.

    Takes about two seconds. Raises `ImageError` when the tarball is not the pinned one,
    and `MalformedModule` when its main module is not of the form that is known.
    """
    npm.check_integrity(tarball, PYODIDE.integrity)
    members = npm.read_members(tarball, _MEMBERS, _MEMBER_BYTES)
    _replace_directory(destination, _image_files(members))


def ensure_pyodide(destination: Path = DATA / PYODIDE.name) -> bool:
    """Fetch and build the image unless `destination` already has what would be built.

    True if it was built. Raises as `fetch_pyodide` and `build_pyodide` do.
    """
    if is_current(destination):
        return False
    with tempfile.TemporaryDirectory(prefix="hermetic-wasm-") as directory:
        build_pyodide(fetch_pyodide(Path(directory)), destination)
    return True


def is_current(destination: Path = DATA / PYODIDE.name) -> bool:
    """Whether a directory holds what `build_pyodide` would put there."""
    with suppress(OSError):
        return (destination / _STAMP).read_text(encoding="ascii") == _stamp()
    return False


def _stamp() -> str:
    """Names what the image is made from: the pinned package and the code of the build."""
    digest = hashlib.sha256(PYODIDE.integrity.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _image_files(members: Mapping[str, bytes]) -> dict[str, bytes]:
    split = split_memory(members[_MAIN])
    core = Module(translate(split.core))
    stubs = stubbed_functions(core)
    symbols = {
        "function_slots": function_slots(core),
        "global_addresses": global_addresses(core),
    }
    files = {
        CORE: core.data,
        MEMORY: split.memory,
        STUBS: generate_stubs(stubs),
        STANDARD_LIBRARY: members[STANDARD_LIBRARY],
        DISTRIBUTION_LOCK: members[DISTRIBUTION_LOCK],
        SYMBOLS: _json(symbols),
    }
    layout: Layout = {
        "image": PYODIDE.name,
        "version": PYODIDE.version,
        "python": PYODIDE.python,
        "content_hash": _content_hash(files),
        "imports": describe_imports(core),
        "stubs": [name for name, _ in stubs],
        "mutable_globals": [*split.mutable_globals],
        "memory": memory_limits(core),
        "table": table_limits(core),
    }
    return {**files, LAYOUT: _json(layout), _STAMP: _stamp().encode()}


def _content_hash(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, contents in sorted(files.items()):
        digest.update(f"{name}\0{len(contents)}\0".encode())
        digest.update(contents)
    return digest.hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _replace_directory(destination: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` beside `destination` and rename, so that it is never half there."""
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{destination.name}-", dir=destination.parent))
        try:
            new.chmod(0o755)
            for name, contents in files.items():
                (new / name).write_bytes(contents)
            shutil.rmtree(destination, ignore_errors=True)
            new.rename(destination)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    except OSError as error:
        raise ImageError(f"the image can't be written to {destination}: {error}") from error
