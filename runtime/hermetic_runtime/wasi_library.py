"""The library of the WASI interpreter as an image.

It comes compiled. The guest itself adds the bytecode of our own modules, and the list of
fonts that matplotlib would otherwise make anew in every guest.
"""

from __future__ import annotations

from pathlib import Path

from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.interpreters.loading import load_interpreter
from hermetic_runtime.kernel.image_writing import write_image
from hermetic_runtime.preparing_guest import LIBRARY_LIMITS, make_records
from hermetic_wasm.wasi_image import WASI, WasiImage
from hermetic_wasm.wasi_rewriting import library_files

_CODE = b"""
from hermetic_guest import fonts, precompile
precompile.main('/lib/hermetic')
fonts.main('matplotlib')
"""


def pack_library(directory: Path, archive: Path, image: WasiImage = WASI) -> None:
    """Write `library.image` of `directory`, where everything else that a guest needs is ready.

    `archive` is the artifact's standard library. Raises `PreparationError` when the guest
    can't do its part.
    """
    path = directory / "library.image"
    files = dict(library_files(image, archive))
    write_image(path, files.items())
    write_image(path, (files | _made_by_guest(directory)).items())


def _made_by_guest(directory: Path) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    environment = LoadedEnvironment(load_interpreter(directory))
    make_records(environment, _CODE, LIBRARY_LIMITS, made.__setitem__)
    return made
