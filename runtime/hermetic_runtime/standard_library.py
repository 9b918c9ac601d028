"""The standard library as an image: sources for tracebacks, bytecode for speed.

The bytecode is compiled by the guest itself, since only it knows its format. Each
.pyc is hash-based and unchecked (PEP 552), so that importing reads no source.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.interpreters.loading import load_interpreter
from hermetic_runtime.kernel.image_writing import write_image
from hermetic_runtime.preparing_guest import LIBRARY_LIMITS, make_records
from hermetic_runtime.time_zones import time_zone_files
from hermetic_wasm.images import InterpreterImage

_LIBRARY = "python3.14"
_CODE = b"""
from hermetic_guest import precompile
for library in ('/lib/python3.14', '/lib/hermetic', '/lib/time_zones'):
    precompile.main(library)
"""


def library_sources(image: InterpreterImage) -> Iterator[tuple[str, bytes]]:
    """Path under /lib, and contents, of every file of the standard library, of ours, and of
    the time zones.
    """
    with zipfile.ZipFile(image.path("python_stdlib.zip")) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                yield f"{_LIBRARY}/{member.filename}", archive.read(member)
    for name, source in image.guest_sources():
        yield f"hermetic/{name}", source
    for name, data in time_zone_files():
        yield f"time_zones/{name}", data


def pack_sources(path: Path, image: InterpreterImage) -> None:
    """Write an image with sources only, enough to boot and to compile the rest."""
    write_image(path, library_sources(image))


def pack_compiled(
    directory: Path,
    path: Path,
    image: InterpreterImage,
    on_progress: Callable[[float, str], None],
) -> None:
    """Write the image of `directory` again, with the bytecode of every source beside it.

    Raises `PreparationError` when the guest can't do it.
    """
    environment = LoadedEnvironment(load_interpreter(directory))
    sources = dict(library_sources(image))
    total = sum(name.endswith(".py") for name in sources)
    compiled: dict[str, bytes] = {}

    def take(name: str, code: bytes) -> None:
        compiled[name] = code
        on_progress(len(compiled) / max(total, 1), name)

    make_records(environment, _CODE, LIBRARY_LIMITS, take)
    write_image(path, [*sources.items(), *compiled.items()])
