"""Making package sets, once for all processes that want the same."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from email.parser import HeaderParser
from hashlib import sha256
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hermetic_runtime.cache import private_directory
from hermetic_runtime.errors import InstallError
from hermetic_runtime.kernel.image_writing import write_image
from hermetic_runtime.packages.installing import Files, install
from hermetic_runtime.packages.layout import DESCRIPTION, IMAGE, LAST_USE, LOCK
from hermetic_runtime.packages.lock import Lock
from hermetic_runtime.packages.package_set import (
    Description,
    read_description,
    sets_directory,
)
from hermetic_runtime.packages.settings import PackageSettings
from hermetic_runtime.packages.targets import Target
from hermetic_runtime.preparation import Progress, file_digest

OnProgress = Callable[[Progress], None]


def make_set(
    lock: Lock, target: Target, settings: PackageSettings, on_progress: OnProgress
) -> Path:
    """The folder of a complete set; made if it is not there. Raises `InstallError`."""
    directory = sets_directory() / lock.directory_name(target.identity)
    with set_lock(directory):
        if read_description(directory) is not None:
            return directory
        parent = directory.parent
        with tempfile.TemporaryDirectory(dir=parent, prefix=".installing-") as folder:
            progress = _InstallProgress(len(lock.wheels), on_progress)
            files = install(lock, target, settings, Path(folder), progress.take)
            on_progress(Progress("packing", 0.9))
            unfinished = Path(folder) / "set"
            unfinished.mkdir(mode=0o700)
            _write_set(unfinished, files, lock, target)
            shutil.rmtree(directory, ignore_errors=True)
            unfinished.rename(directory)
    return directory


@contextmanager
def set_lock(directory: Path) -> Generator[None]:
    """Held while a set is made, changed or removed; a second process waits for it."""
    from filelock import FileLock

    private_directory(directory.parent)
    locks = private_directory(directory.parent / ".locks")
    with FileLock(locks / f"{directory.name}.lock"):
        yield


def replace_files(directory: Path, description: Description, files: Files) -> None:
    """Put other files into a set, which guests that already run don't notice.

    The caller holds `set_lock`. Raises `InstallError` for a file that no guest can have.
    """
    image = _write_image(directory / IMAGE, files)
    changed: Description = {**description, "image": image, "has_bytecode": True}
    _write_json(directory / DESCRIPTION, changed)


def _write_set(directory: Path, files: Files, lock: Lock, target: Target) -> None:
    lock = _with_requests(lock, files, target)
    description: Description = {
        "interpreter": target.name,
        "image": _write_image(directory / IMAGE, files),
        "has_bytecode": False,
        "distributions": {wheel.name: wheel.version for wheel in lock.wheels},
        "side_modules": {
            name: sha256(contents).hexdigest()
            for name, contents in sorted(files.items())
            if name.endswith(".so") and contents.startswith(b"\0asm")
        },
        "lock": lock.to_json(),
    }
    _write_json(directory / LOCK, {"interpreter": target.identity, "wheels": lock.to_json()})
    (directory / LAST_USE).touch()
    _write_json(directory / DESCRIPTION, description)


def _write_image(path: Path, files: Files) -> tuple[int, str]:
    try:
        write_image(path, sorted(files.items()))
    except ValueError as error:
        raise InstallError(f"a package has a file that a guest can't have: {error}") from error
    return path.stat().st_size, file_digest(path)


def _write_json(path: Path, value: object) -> None:
    unfinished, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(unfinished, "w") as file:
        json.dump(value, file, indent=1)
    os.replace(temporary, path)


def _with_requests(lock: Lock, files: Files, target: Target) -> Lock:
    """The lock, with what in it needs what, according to the metadata of the wheels."""
    requested_by: dict[str, set[str]] = {}
    for name, contents in files.items():
        folder, _, file = name.partition("/")
        if file == "METADATA" and folder.endswith(".dist-info"):
            parent, needs = _needs(contents, target)
            for need in needs:
                requested_by.setdefault(need, set()).add(parent)
    return Lock(
        tuple(
            replace(wheel, requested_by=tuple(sorted(requested_by.get(wheel.name, ()))))
            for wheel in lock.wheels
        )
    )


def _needs(metadata: bytes, target: Target) -> tuple[str, set[str]]:
    headers = HeaderParser().parsestr(metadata.decode("utf-8", "replace"))
    needs: set[str] = set()
    for text in headers.get_all("Requires-Dist", []):
        try:
            requirement = Requirement(str(text))
        except InvalidRequirement:
            continue
        marker = requirement.marker
        if marker is None or marker.evaluate({**target.markers(), "extra": ""}):
            needs.add(canonicalize_name(requirement.name))
    return canonicalize_name(str(headers.get("Name", ""))), needs


class _InstallProgress:
    """Reads how far uv is out of what it writes."""

    def __init__(self, wheels: int, on_progress: OnProgress) -> None:
        self._wheels = max(wheels, 1)
        self._done = 0
        self._on_progress = on_progress

    def take(self, line: str) -> None:
        if line.startswith("Downloading "):
            self._report("downloading", line.removeprefix("Downloading "))
        elif line.startswith("Downloaded "):
            self._done += 1
            self._report("downloading", line.removeprefix("Downloaded "))
        elif line.startswith("Prepared "):
            self._done = self._wheels
            self._report("installing", "")

    def _report(self, step: str, detail: str) -> None:
        self._on_progress(Progress(step, min(0.1 + 0.8 * self._done / self._wheels, 0.9), detail))
