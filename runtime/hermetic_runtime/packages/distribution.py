"""The Pyodide distribution: wheels that were built with the interpreter, listed in its lock.

The lock becomes a package index in the cache (PEP 503, as files), whose links lead to
wherever the wheels are served.
"""

from __future__ import annotations

import html
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from hermetic_runtime.cache import cache_directory, private_directory
from hermetic_runtime.errors import ImageError, InstallError
from hermetic_runtime.packages.lock import Lock
from hermetic_wasm.images import DISTRIBUTION_LOCK, PYODIDE


@dataclass(frozen=True, slots=True)
class DistributedWheel:
    """A wheel in the distribution's lock. `needs` are the normalised names it depends on."""

    name: str
    version: str
    file: str
    sha256: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Distribution:
    """`wheels` by normalised name; `libraries` are shared libraries that are no wheels."""

    wheels: Mapping[str, DistributedWheel]
    libraries: frozenset[str]

    @classmethod
    def read(cls, path: Path | None = None) -> Distribution:
        """Of a lock file, by default the one of the interpreter. Raises `ImageError`."""
        path = path or PYODIDE.path(DISTRIBUTION_LOCK)
        try:
            packages: dict[str, dict[str, Any]] = json.loads(path.read_bytes())["packages"]
            return cls._from_packages(packages)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ImageError(f"{path} is damaged: {error}") from error

    @classmethod
    def _from_packages(cls, packages: Mapping[str, Mapping[str, Any]]) -> Distribution:
        wheels: dict[str, DistributedWheel] = {}
        libraries: set[str] = set()
        for entry in packages.values():
            name = canonicalize_name(entry["name"])
            try:
                _, version, _, _ = parse_wheel_filename(entry["file_name"])
            except InvalidWheelFilename:
                if entry.get("package_type") == "shared_library":
                    libraries.add(name)
                continue
            needs = tuple(canonicalize_name(need) for need in cast("list[str]", entry["depends"]))
            wheels[name] = DistributedWheel(
                name, str(version), entry["file_name"], entry["sha256"], needs
            )
        return cls(wheels, frozenset(libraries))

    def index(self, base_url: str) -> str:
        """A URL of an index in the cache whose links begin with `base_url`."""
        base = base_url.rstrip("/") + "/"
        listed = [base, *((wheel.file, wheel.sha256) for wheel in self.wheels.values())]
        digest = sha256(json.dumps(listed).encode()).hexdigest()[:16]
        directory = cache_directory() / "distribution" / digest
        if not directory.is_dir():
            self._write_index(directory, base)
        return directory.as_uri()

    def _write_index(self, directory: Path, base: str) -> None:
        parent = private_directory(directory.parent)
        unfinished = Path(tempfile.mkdtemp(dir=parent, prefix=".unfinished-"))
        try:
            for wheel in self.wheels.values():
                link = html.escape(f"{base}{quote(wheel.file)}#sha256={wheel.sha256}")
                page = unfinished / wheel.name / "index.html"
                page.parent.mkdir()
                page.write_text(
                    f'<!DOCTYPE html><html><body><a href="{link}">{html.escape(wheel.file)}</a>'
                    "</body></html>\n"
                )
            unfinished.rename(directory)
        except OSError:
            if not directory.is_dir():
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def check(self, lock: Lock) -> None:
        """Raise `InstallError` if something locked needs a shared library of the distribution,
        since those are not wheels and can't be installed.
        """
        for locked in lock.wheels:
            wheel = self.wheels.get(locked.name)
            if wheel is not None and wheel.sha256 == locked.sha256:
                missing = self.libraries.intersection(self._all_needs([wheel]))
                if missing:
                    raise InstallError(
                        f"{locked.name} {locked.version} of the Pyodide distribution needs "
                        f"{', '.join(sorted(missing))}, which it has as a shared library only"
                    )

    def _all_needs(self, wheels: Iterable[DistributedWheel]) -> set[str]:
        pending = [need for wheel in wheels for need in wheel.needs]
        found: set[str] = set()
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                if name in self.wheels:
                    pending += self.wheels[name].needs
        return found

    def served_at(self, base_url: str, said: str) -> str | None:
        """The file of the distribution that a message of uv is about, if it names one."""
        base = base_url.rstrip("/") + "/"
        return next(
            (wheel.file for wheel in self.wheels.values() if f"{base}{quote(wheel.file)}" in said),
            None,
        )
