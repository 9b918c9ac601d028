"""The interpreters as packages are chosen for them.

uv learns about an interpreter by running it and reading a JSON object (its
crates/uv-python/python/get_interpreter_info.py). A guest can't be run that way, so a
small shell script stands in for it, which prints the object that the guest would.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from hermetic_runtime.cache import cache_directory, private_directory
from hermetic_wasm.images import PYODIDE


@dataclass(frozen=True, slots=True)
class Target:
    """`name` and `version` are those of the interpreter's image, `python` is CPython's.

    `system`, `release` and `kernel_version` are what `os.uname` says in the guest. `platform`
    is the platform of its wheels, as uv takes it: a name and a version of two numbers.
    `built_in` gives the versions of the distributions that are part of the interpreter.
    """

    name: str
    version: str
    python: str
    sys_platform: str
    system: str
    release: str
    kernel_version: str
    platform: tuple[str, int, int]
    accepts: str
    built_in: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def identity(self) -> str:
        """With which package sets are made and remembered."""
        return f"{self.name}-{self.version}"

    def markers(self) -> dict[str, str]:
        """The environment of PEP 508."""
        return {
            "implementation_name": "cpython",
            "implementation_version": self.python,
            "os_name": "posix",
            "platform_machine": "wasm32",
            "platform_python_implementation": "CPython",
            "platform_release": self.release,
            "platform_system": self.system,
            "platform_version": self.kernel_version,
            "python_full_version": self.python,
            "python_version": ".".join(self.python.split(".")[:2]),
            "sys_platform": self.sys_platform,
        }

    def executable(self) -> Path:
        """A program that tells uv about this interpreter. uv remembers what it said by its
        path and time of change, so the path changes with what it says.
        """
        script = f"#!/bin/sh\nprintf '%s\\n' '{json.dumps(self._description())}'\n"
        digest = sha256(script.encode()).hexdigest()[:16]
        directory = cache_directory() / "targets" / f"{self.identity}-{digest}"
        path = directory / "python3"
        if not path.exists():
            private_directory(directory)
            unfinished, temporary = tempfile.mkstemp(dir=directory)
            with os.fdopen(unfinished, "w") as file:
                file.write(script)
            os.chmod(temporary, 0o700)
            os.replace(temporary, path)
        return path

    def _description(self) -> dict[str, Any]:
        name, major, minor = self.platform
        folders = {name: f"/{name}" for name in ("purelib", "platlib", "include", "scripts")}
        return {
            "result": "success",
            "markers": self.markers(),
            "sys_base_prefix": "/",
            "sys_base_exec_prefix": "/",
            "sys_prefix": "/",
            "sys_base_executable": None,
            "sys_executable": "/bin/python3",
            "sys_path": [],
            "site_packages": [],
            "stdlib": "/lib",
            "extension_suffixes": [],
            "standalone": False,
            "scheme": {**folders, "data": "/"},
            "virtualenv": {**{name: name for name in folders}, "data": ""},
            "os": {"name": name, "major": major, "minor": minor},
            "arch": "wasm32",
            "cpu_info": {"detected": {"kind": "flags", "flags": ""}},
            "manylinux_compatible": False,
            "musllinux_compatible": False,
            "gil_disabled": False,
            "debug_enabled": False,
            "pointer_size": "32",
        }


def pyodide_target() -> Target:
    """Takes wheels for the platform that PEP 783 names."""
    return Target(
        name=PYODIDE.name,
        version=PYODIDE.version,
        python=PYODIDE.python,
        sys_platform="emscripten",
        system="Emscripten",
        release="5.0.3",
        kernel_version="#1",
        platform=("pyemscripten", 2026, 0),
        accepts="wheels for pyemscripten_2026_0_wasm32, and pure Python",
    )


def wasi_target(
    built_in: Mapping[str, str], *, version: str = "0.1.0", python: str = "3.15.0"
) -> Target:
    """Takes pure Python only: no wheel has the tag of a platform `pyodide_0_0`."""
    return Target(
        name="wasi",
        version=version,
        python=python,
        sys_platform="wasi",
        system="wasi",
        release="0.0.0",
        kernel_version="0.0.0",
        platform=("pyodide", 0, 0),
        accepts="pure Python, and what is built in",
        built_in=built_in,
    )
