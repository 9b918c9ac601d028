"""Bytecode for a package set, so that importing from it compiles nothing.

The guest of the set's interpreter compiles it, since only it knows its format; it imports
nothing of the packages. A step of its own, because it takes seconds for large packages
and a set works without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hermetic_runtime.environments import Environment, load_environment
from hermetic_runtime.errors import GuestMisbehaved, InstallError, PreparationError
from hermetic_runtime.kernel.image import DamagedImage, ImageFilesystem
from hermetic_runtime.limits import GIB, Limits
from hermetic_runtime.packages.layout import IMAGE
from hermetic_runtime.packages.making import replace_files, set_lock
from hermetic_runtime.packages.package_set import read_description
from hermetic_runtime.preparing import Report
from hermetic_runtime.preparing_guest import make_records

_LIMITS = Limits(output_bytes=GIB, wall_seconds=1800, cpu_seconds=1800, memory_bytes=GIB)
_CODE = "from hermetic_guest.precompile import main\nmain({!r})\n"


def add_bytecode(directory: Path, interpreter: Path, report: Report) -> None:
    """Compile every source of a package set, unless that is done.

    `interpreter` is the directory of a prepared one, the set's. What does not compile is left
    as it is. Raises `InstallError` when the set is not complete or the guest can't do it,
    `PreparationError` when it is damaged; `GuestMisbehaved` for bytecode of something else.
    """
    with set_lock(directory):
        description = read_description(directory)
        if description is None:
            raise InstallError(f"the package set in {directory} is not complete")
        if description["has_bytecode"]:
            return
        files = _files_of(directory)
        compiled = _compile(Environment(interpreter, directory), files, report)
        replace_files(directory, description, {**files, **compiled})


def _files_of(directory: Path) -> dict[str, bytes]:
    try:
        return dict(ImageFilesystem.load(directory / IMAGE).files())
    except DamagedImage as error:
        raise PreparationError(
            f"the package set in {directory} is damaged: {error}",
            hint="`hermetic env remove` removes it; the next run makes it again.",
        ) from error


def _compile(
    environment: Environment, files: Mapping[str, bytes], report: Report
) -> dict[str, bytes]:
    loaded = load_environment(environment)
    root = loaded.interpreter.site_packages
    prefix = f"{root.rsplit('/', 1)[-1]}/"
    total = max(sum(name.endswith(".py") for name in files), 1)
    compiled: dict[str, bytes] = {}

    def take(record: str, code: bytes) -> None:
        name = record.removeprefix(prefix)
        if not _is_bytecode_of(name, files):
            raise GuestMisbehaved(f"bytecode of something that has no source: {name!r}")
        compiled[name] = code
        report("compiling packages", min(len(compiled) / total, 1.0), name)

    try:
        make_records(loaded, _CODE.format(root).encode(), _LIMITS, take)
    except PreparationError as error:
        raise InstallError(f"packages could not be compiled: {error.message}") from error
    return compiled


def _is_bytecode_of(name: str, files: Mapping[str, bytes]) -> bool:
    folder, _, file = name.rpartition("/")
    parent, _, cache = folder.rpartition("/")
    if cache != "__pycache__" or not file.endswith(".pyc"):
        return False
    stem, _, _ = file.removesuffix(".pyc").rpartition(".")
    source = f"{stem}.py"
    return (f"{parent}/{source}" if parent else source) in files
