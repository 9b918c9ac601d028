"""The standard library as an image: sources for tracebacks, bytecode for speed.

The bytecode is compiled by the guest itself, since only it knows its format. Each
.pyc is hash-based and unchecked (PEP 552), so that importing reads no source.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.errors import PreparationError
from hermetic_runtime.guest import Guest, run_in_guest_thread
from hermetic_runtime.interpreters.loading import load_interpreter
from hermetic_runtime.kernel.image_writing import write_image
from hermetic_runtime.limits import GIB, MIB, Limits
from hermetic_runtime.requests import GuestSettings, RunRequest
from hermetic_runtime.results import Outcome
from hermetic_wasm.images import InterpreterImage

_LIBRARY = "python3.14"
_RECORD = struct.Struct("<II")
_LIMITS = Limits(output_bytes=GIB, wall_seconds=300, cpu_seconds=300, memory_bytes=512 * MIB)
_CODE = (
    b"from hermetic_guest.precompile import main\nmain('/lib/python3.14')\nmain('/lib/hermetic')\n"
)


def library_sources(image: InterpreterImage) -> Iterator[tuple[str, bytes]]:
    """Path under /lib, and contents, of every file of the standard library and of ours."""
    with zipfile.ZipFile(image.path("python_stdlib.zip")) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                yield f"{_LIBRARY}/{member.filename}", archive.read(member)
    for name, source in image.guest_sources():
        yield f"hermetic/{name}", source


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
    reader = RecordReader()
    compiled: dict[str, bytes] = {}

    def deliver(stream: str, data: bytes) -> None:
        if stream == "stderr":
            return
        for name, code in reader.feed(data):
            compiled[name] = code
            on_progress(len(compiled) / max(total, 1), name)

    guest = Guest(
        environment, GuestSettings(limits=_LIMITS), deliver=deliver, request_input=lambda: None
    )

    def compile_all() -> None:
        guest.boot()
        report = guest.run(RunRequest(_CODE, limits=_LIMITS, capture_value=False))
        if report.outcome is not Outcome.OK:
            reason = report.error.message if report.error else report.outcome
            raise PreparationError(f"the standard library could not be compiled: {reason}")

    try:
        run_in_guest_thread(compile_all)
    finally:
        guest.close()
    write_image(path, [*sources.items(), *compiled.items()])


class RecordReader:
    """Takes apart the stream that `hermetic_guest.precompile` writes:
    two u32 lengths, a name under /lib, and the contents of a .pyc file.
    """

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        self._pending += data
        while len(self._pending) >= _RECORD.size:
            name_size, code_size = _RECORD.unpack_from(self._pending)
            end = _RECORD.size + name_size + code_size
            if len(self._pending) < end:
                return
            name = self._pending[_RECORD.size : _RECORD.size + name_size].decode()
            code = bytes(self._pending[_RECORD.size + name_size : end])
            del self._pending[:end]
            yield name, code
