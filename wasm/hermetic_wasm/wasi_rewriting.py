"""Taking the WASI interpreter's artifacts apart, once, when they have been fetched."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from io import BytesIO
from pathlib import Path
from typing import TypedDict

from hermetic_wasm.core_module import split_memory
from hermetic_wasm.function_names import function_indices
from hermetic_wasm.images import guest_sources
from hermetic_wasm.memory_growth import record_refusals
from hermetic_wasm.module import Module
from hermetic_wasm.structure import ExternKind
from hermetic_wasm.wasi_image import (
    EXPORTED,
    MEMORY_REFUSED,
    PROGRAM,
    SITE_PACKAGES_NOTE,
    WasiImage,
)

_GROWING_FUNCTION = "sbrk"
_LIBRARY_BEFORE = "/usr/local/lib/python315.zip"
_PROGRAM_BEFORE = "/usr/local/bin/python.wasm"
_PROVIDERS = {ExternKind.FUNCTION: "host", ExternKind.MEMORY: "memory"}
_REPLACED = {"mmap.pyc"}
"""Modules of the archive that only refuse, and for which the guest has others (`guest/`)."""
_DATA_ARCHIVE = "matplotlib/mpl-data.zip"
_DATA_FOLDER = "matplotlib/mpl-data"


class WasiLayout(TypedDict):
    """What core.wasm imports, in order: module, name, and who provides it, "host" or
    "memory"; and the export names of its state.
    """

    imports: list[tuple[str, str, str]]
    mutable_globals: list[str]


@dataclass(frozen=True, slots=True)
class WasiModules:
    """What `WasiImage.rewrite` makes of the artifact."""

    core: bytes
    memory: bytes
    layout: WasiLayout


def rewrite(image: WasiImage, main: bytes) -> WasiModules:
    """Code and initial memory apart, with what a host needs exported.

    The paths that the artifact has built in, of the standard library and of itself,
    become those of `image` and PROGRAM. Raises `MalformedModule` when `main` is not the artifact.
    """
    names = function_indices(Module(main), [*EXPORTED.values(), _GROWING_FUNCTION])
    split = split_memory(
        record_refusals(main, names[_GROWING_FUNCTION], MEMORY_REFUSED),
        functions={name: names[internal] for name, internal in EXPORTED.items()},
        replaced={
            _wide(_LIBRARY_BEFORE): _wide(image.library),
            _wide(_PROGRAM_BEFORE): _wide(PROGRAM),
        },
    )
    layout: WasiLayout = {
        "imports": [
            (item.module, item.name, _PROVIDERS[item.kind]) for item in Module(split.core).imports
        ],
        "mutable_globals": list(split.mutable_globals),
    }
    return WasiModules(split.core, split.memory, layout)


def library_files(image: WasiImage, archive: Path) -> Iterator[tuple[str, bytes]]:
    """Path under /lib, and contents, of all that the guest imports, and of ours.

    matplotlib's data, which comes as an archive in the archive, is unpacked too.
    """
    folder = image.library.removeprefix("/lib/")
    for name, contents in _members(archive):
        if name == _DATA_ARCHIVE:
            for inner, data in _members(BytesIO(contents)):
                yield f"{folder}/{_DATA_FOLDER}/{inner}", data
        elif name not in _REPLACED:
            yield f"{folder}/{name}", contents
    # The folder that packages are mounted on has to be there.
    yield f"{folder}/site-packages/README.txt", SITE_PACKAGES_NOTE
    for name, source in guest_sources():
        yield f"hermetic/{name}", source


def built_in_distributions(archive: Path) -> dict[str, str]:
    """Version by name of the distributions in the standard library's archive, as their
    metadata has them.
    """
    found: dict[str, str] = {}
    with zipfile.ZipFile(archive) as opened:
        for name in sorted(opened.namelist()):
            if name.endswith(".dist-info/METADATA"):
                metadata = HeaderParser().parsestr(opened.read(name).decode())
                found[metadata["Name"]] = metadata["Version"]
    return found


def _members(archive: Path | BytesIO) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            if not member.is_dir():
                yield member.filename, opened.read(member)


def _wide(text: str) -> bytes:
    """As a C string of wchar_t, its end included."""
    return f"{text}\0".encode("utf-32-le")
