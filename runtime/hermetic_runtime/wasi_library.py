"""The library of the WASI interpreter as an image.

It comes compiled. The guest itself adds the bytecode of our own modules, and the list of
fonts that matplotlib would otherwise make anew in every guest.
"""

from __future__ import annotations

from pathlib import Path

from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.errors import PreparationError
from hermetic_runtime.guest import Guest, run_in_guest_thread
from hermetic_runtime.interpreters.loading import load_interpreter
from hermetic_runtime.kernel.image_writing import write_image
from hermetic_runtime.limits import GIB, MIB, Limits
from hermetic_runtime.requests import GuestSettings, RunRequest
from hermetic_runtime.results import Outcome
from hermetic_runtime.standard_library import RecordReader
from hermetic_wasm.wasi_image import WASI, WasiImage
from hermetic_wasm.wasi_rewriting import library_files

_LIMITS = Limits(output_bytes=GIB, wall_seconds=300, cpu_seconds=300, memory_bytes=512 * MIB)
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
    reader = RecordReader()
    made: dict[str, bytes] = {}

    def deliver(stream: str, data: bytes) -> None:
        if stream == "stdout":
            made.update(reader.feed(data))

    guest = Guest(
        LoadedEnvironment(load_interpreter(directory)),
        GuestSettings(limits=_LIMITS),
        deliver=deliver,
        request_input=lambda: None,
    )

    def make() -> None:
        guest.boot()
        report = guest.run(RunRequest(_CODE, limits=_LIMITS, capture_value=False))
        if report.outcome is not Outcome.OK:
            reason = report.error.message if report.error else report.outcome
            raise PreparationError(f"the library could not be made ready: {reason}")

    try:
        run_in_guest_thread(make)
    finally:
        guest.close()
    return made
