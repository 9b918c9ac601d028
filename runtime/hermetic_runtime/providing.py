"""From what a caller wants a sandbox to be made of, to an environment that is ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from hermetic_runtime.cache import private_directory
from hermetic_runtime.cache_use import mark_used
from hermetic_runtime.compilation import Metering
from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.preparation import (
    Progress,
    prepare,
    prepared_directory,
    verify_and_repair,
)
from hermetic_runtime.prepared import SNAPSHOTS, is_complete

if TYPE_CHECKING:
    from hermetic_runtime.packages.script_metadata import ScriptMetadata
    from hermetic_runtime.packages.settings import PackageSettings

_KNOWN_ENVIRONMENTS = 256
InterpreterName = Literal["auto", "pyodide", "wasi"]
INTERPRETER_NAMES: tuple[str, ...] = get_args(InterpreterName)
OnProgress = Callable[[Progress], None]
_provided = set[Metering]()
"""For which of them this process has provided Pyodide."""


@dataclass(frozen=True, slots=True)
class WantedEnvironment:
    """What a sandbox is to be made of. Raises `InvalidInput` for what can't be.

    `requirements` are PEP 508, `files` hold more of them, and `script` is what the script
    says of itself; the caller's `interpreter`, unless it is "auto", comes before the script's.
    """

    interpreter: InterpreterName = "auto"
    requirements: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    script: ScriptMetadata | None = None
    settings: PackageSettings | None = None

    def __post_init__(self) -> None:
        if self.interpreter not in INTERPRETER_NAMES:
            names = ", ".join(f'"{name}"' for name in INTERPRETER_NAMES)
            raise InvalidInput(f"interpreter must be one of {names}, not {self.interpreter!r}")

    @property
    def has_requirements(self) -> bool:
        return bool(self.requirements or self.files or self.script)

    @property
    def plain_interpreter(self) -> str:
        """The one to take where nothing has to be installed. Raises `PackageDenied`."""
        if self.settings is None:
            return self.interpreter
        return self.settings.interpreter(self.interpreter)

    @property
    def is_plain_pyodide(self) -> bool:
        """Whether it can only be Pyodide without packages. Raises `PackageDenied`."""
        return not self.has_requirements and self.plain_interpreter != "wasi"


class ProvidedEnvironment(NamedTuple):
    """An environment that is ready. `unmade` are preloads of snapshots that it has not yet,
    `notes` what the caller may want to know.
    """

    environment: Environment
    unmade: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def make_snapshots(self) -> None:
        """Let the snapshots that it has not yet be made in the background."""
        if self.unmade:
            from hermetic_runtime.preparing_process import start_preparing

            start_preparing("snapshots", self.snapshots_task())

    def snapshots_task(self) -> dict[str, Any]:
        """The argument of the task of `preparing` that makes them."""
        encoded = self.environment._replace(snapshots=None).encode().hex()
        return {"environment": encoded, "preloads": self.unmade}


def provide(
    wanted: WantedEnvironment, source: bytes, metering: Metering, on_progress: OnProgress
) -> ProvidedEnvironment:
    """Make ready what is not ready yet, with snapshots that suit `source` if they are there.

    Raises `InstallError` when packages can't be had, `InvalidInput` and `InvalidScript`
    for what asks for them, `PreparationError` and `ImageError` when the interpreter can't
    be had.
    """
    provided = _provide(wanted, source, metering, on_progress)
    mark_used(provided.environment)
    if wanted.is_plain_pyodide:
        _provided.add(metering)
    return provided


def provide_at_once(wanted: WantedEnvironment, metering: Metering) -> ProvidedEnvironment | None:
    """As `provide`, for who must not wait: None for what has packages, or was not provided in
    this process before.
    """
    if not wanted.is_plain_pyodide or metering not in _provided:
        return None
    directory = prepared_directory(metering)
    if not is_complete(directory):
        return None
    environment = _with_own_snapshots(Environment(private_directory(directory)))
    mark_used(environment)
    return ProvidedEnvironment(environment)


def _provide(
    wanted: WantedEnvironment, source: bytes, metering: Metering, on_progress: OnProgress
) -> ProvidedEnvironment:
    if wanted.has_requirements:
        from hermetic_runtime.providing_packages import provide_packages

        with_packages = provide_packages(wanted, metering, on_progress)
        environment, notes = with_packages.environment, with_packages.notes
    else:
        directory = prepare_interpreter(wanted.plain_interpreter, metering, on_progress)
        environment, notes = Environment(directory), ()
    preloads = _preloads(wanted, environment, source)
    if not preloads:
        return ProvidedEnvironment(_with_own_snapshots(environment), notes=notes)
    from hermetic_runtime.snapshots.kept import with_snapshots

    found = with_snapshots(environment, preloads)
    if found is not None:
        return ProvidedEnvironment(found, notes=notes)
    return ProvidedEnvironment(_with_own_snapshots(environment), preloads, notes)


@lru_cache(maxsize=_KNOWN_ENVIRONMENTS)
def _with_own_snapshots(environment: Environment) -> Environment:
    """With those of its interpreter, over no packages. Equal ones are the same: then pools
    compare them without looking at their paths.
    """
    return environment._replace(snapshots=environment.interpreter / SNAPSHOTS)


def _preloads(
    wanted: WantedEnvironment, environment: Environment, source: bytes
) -> tuple[str, ...]:
    """What the script names or imports, where more can be imported than the standard library."""
    if wanted.script is not None and wanted.script.preload:
        return wanted.script.preload
    if environment.packages is None and not has_built_in_packages(environment):
        return ()
    from hermetic_runtime.snapshots.imports import imported_packages

    return imported_packages(source)


@lru_cache(maxsize=_KNOWN_ENVIRONMENTS)
def has_built_in_packages(environment: Environment) -> bool:
    """Whether its interpreter comes with packages, which only WASI's does."""
    return environment.interpreter.parent.name.startswith("wasi-")


def prepare_interpreter(name: str, metering: Metering, on_progress: OnProgress) -> Path:
    """The directory of an interpreter that is ready to run. "auto" is Pyodide."""
    if name != "wasi":
        return prepare(metering=metering, on_progress=on_progress)
    from hermetic_runtime.preparation_wasi import prepare_wasi

    return prepare_wasi(metering=metering, on_progress=on_progress)


def repair(environment: Environment) -> bool:
    """Check contents against their hashes; forget what is damaged.

    True if something was: `provide` makes it again.
    """
    damaged = verify_and_repair(environment.interpreter)
    if environment.snapshots is not None and environment.interpreter not in (
        environment.snapshots.parents
    ):
        damaged |= verify_and_repair(environment.snapshots)
    if environment.packages is not None:
        from hermetic_runtime.packages.kept_sets import verify_and_repair_set

        damaged |= verify_and_repair_set(environment.packages)
    return damaged
