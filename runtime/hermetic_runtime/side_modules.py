"""Extension modules of packages, compiled: a cache by the hash of what they were made from.

The preparing process compiles; processes that run guests only map what is there. An entry
is a directory, written beside its place and renamed, and never changed afterwards.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hermetic_runtime.bindings import Engine, Module, WasmtimeError
from hermetic_runtime.cache import cache_directory, private_directory
from hermetic_runtime.compilation import Metering
from hermetic_runtime.engine import compile_module, create_engine, load_module
from hermetic_runtime.errors import LinkError, PreparationError
from hermetic_runtime.side_module_cache import (
    DESCRIPTION,
    FOLDER,
    check_sizes,
    damaged,
    is_compiled,
    read_description,
    side_module_directory,
)
from hermetic_wasm.side_description import MAX_MODULE_BYTES, SideModuleDescription

_CODE, _FORWARDERS, _CONTENTS = "code.cwasm", "forwarders.cwasm", "contents.bin"
_MOST_WORKERS = 4


@dataclass(frozen=True, slots=True)
class CompiledSideModule:
    """`contents` are the bytes of the data segments that `description` places."""

    description: SideModuleDescription
    code: Module
    forwarders: Module
    contents: memoryview


def compile_side_modules(
    binaries: Mapping[str, bytes | Path],
    metering: Metering,
    on_progress: Callable[[float, str], None],
) -> dict[str, str]:
    """Compile what is not compiled yet, some side by side.

    `binaries` are by the SHA-256 (hexadecimal) of their contents. `on_progress` gets how
    far it is, 0 to 1, and a hash. A module that can't be used is remembered as such, for a
    guest that imports it to be told; gives the reasons by hash. Starts threads.
    Raises `PreparationError` when a binary is not the one announced, and `OSError`.
    """
    from concurrent.futures import ThreadPoolExecutor, as_completed

    wanted = {
        sha256: binary for sha256, binary in binaries.items() if not is_compiled(sha256, metering)
    }
    if wanted:
        engine = create_engine(metering)
        private_directory(cache_directory() / FOLDER)
        with ThreadPoolExecutor(min(_MOST_WORKERS, os.cpu_count() or 1)) as workers:
            tasks = {
                workers.submit(_compile, engine, sha256, binary, metering): sha256
                for sha256, binary in sorted(wanted.items(), key=lambda item: -_size(item[1]))
            }
            try:
                for done, task in enumerate(as_completed(tasks), 1):
                    task.result()
                    on_progress(done / len(tasks), tasks[task])
            except BaseException:
                workers.shutdown(cancel_futures=True)
                raise
    found = {
        sha256: read_description(side_module_directory(sha256, metering)).get("refused")
        for sha256 in binaries
    }
    return {sha256: reason for sha256, reason in found.items() if reason is not None}


def _size(binary: bytes | Path) -> int:
    return len(binary) if isinstance(binary, bytes) else binary.stat().st_size


def _compile(engine: Engine, sha256: str, binary: bytes | Path, metering: Metering) -> None:
    from hashlib import sha256 as digest_of

    if _size(binary) > MAX_MODULE_BYTES:
        files = _refusal(f"more than {MAX_MODULE_BYTES} bytes")
    else:
        contents = binary if isinstance(binary, bytes) else binary.read_bytes()
        if digest_of(contents).hexdigest() != sha256:
            raise PreparationError(f"a side module is not the one announced, {sha256}")
        files = _compiled_files(engine, contents)
    _write_directory(side_module_directory(sha256, metering), files)


def _compiled_files(engine: Engine, binary: bytes) -> dict[str, bytes]:
    from hermetic_wasm.errors import MalformedModule
    from hermetic_wasm.side_module import prepare_side_module  # only needed to compile

    try:
        module = prepare_side_module(binary)
        files = {
            _CODE: compile_module(engine, module.code),
            _FORWARDERS: compile_module(engine, module.forwarders),
            _CONTENTS: module.contents,
        }
    except (MalformedModule, WasmtimeError) as error:
        return _refusal(str(error).splitlines()[-1].strip())
    sizes = {name: len(contents) for name, contents in files.items()}
    description = {"module": module.description.to_json(), "sizes": sizes}
    return {**files, DESCRIPTION: json.dumps(description).encode()}


def _refusal(reason: str) -> dict[str, bytes]:
    return {DESCRIPTION: json.dumps({"refused": reason}).encode()}


def _write_directory(directory: Path, files: Mapping[str, bytes]) -> None:
    """Takes the place of what is damaged; of two that are made at once, one is kept."""
    private_directory(directory.parent)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=directory.parent))
    try:
        for name, contents in files.items():
            (unfinished / name).write_bytes(contents)
        shutil.rmtree(directory, ignore_errors=True)
        try:
            unfinished.rename(directory)
        except OSError:
            if not (directory / DESCRIPTION).is_file():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def load_side_module(
    engine: Engine, sha256: str, metering: Metering, cache: Path | None = None
) -> CompiledSideModule:
    """Map a compiled side module of `cache`, or of this process's cache.

    Raises `LinkError` when it was refused as it was compiled, and `PreparationError`
    when it is not there or damaged.
    """
    directory = side_module_directory(sha256, metering, cache)
    description = read_description(directory)
    if "refused" in description:
        raise LinkError(f"it can't be used here: {description['refused']}")
    try:
        check_sizes(directory, description)
        return CompiledSideModule(
            SideModuleDescription.from_json(description["module"]),
            load_module(engine, directory / _CODE),
            load_module(engine, directory / _FORWARDERS),
            _map(directory / _CONTENTS),
        )
    except (OSError, ValueError, KeyError, TypeError, WasmtimeError) as error:
        raise damaged(directory, error) from error


def _map(path: Path) -> memoryview:
    if path.stat().st_size == 0:
        return memoryview(b"")
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
