"""From what a caller wants a sandbox to be made of, to an environment that is ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.preparation import Progress, prepare
from hermetic_runtime.prepared import SNAPSHOTS

InterpreterName = Literal["auto", "pyodide", "wasi"]
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class WantedEnvironment:
    """What a sandbox is to be made of. Raises `InvalidInput` for what can't be."""

    interpreter: InterpreterName = "auto"

    def __post_init__(self) -> None:
        if self.interpreter not in get_args(InterpreterName):
            names = ", ".join(f'"{name}"' for name in get_args(InterpreterName))
            raise InvalidInput(f"interpreter must be one of {names}, not {self.interpreter!r}")


class ProvidedEnvironment(NamedTuple):
    """An environment that is ready. `unmade` are preloads of snapshots that it has not yet."""

    environment: Environment
    unmade: tuple[str, ...] = ()

    def make_snapshots(self) -> None:
        """Let the snapshots that it has not yet be made in the background."""
        if self.unmade:
            from hermetic_runtime.preparing_process import start_preparing

            encoded = self.environment._replace(snapshots=None).encode().hex()
            start_preparing("snapshots", {"environment": encoded, "preloads": self.unmade})


def provide(
    wanted: WantedEnvironment, source: bytes, metering: str, on_progress: OnProgress
) -> ProvidedEnvironment:
    """Make ready what is not ready yet, with snapshots that suit `source` if they are there.

    Raises `PreparationError` and `ImageError` when the interpreter can't be had.
    """
    directory = _prepare_interpreter(wanted.interpreter, metering, on_progress)
    environment = Environment(directory)
    preloads = _preloads(wanted, source)
    if not preloads:
        return ProvidedEnvironment(environment._replace(snapshots=directory / SNAPSHOTS))
    from hermetic_runtime.snapshots.kept import with_snapshots

    found = with_snapshots(environment, preloads)
    if found is not None:
        return ProvidedEnvironment(found)
    return ProvidedEnvironment(environment._replace(snapshots=directory / SNAPSHOTS), preloads)


def _preloads(wanted: WantedEnvironment, source: bytes) -> tuple[str, ...]:
    """What `source` imports, where there is anything to import but the standard library."""
    if wanted.interpreter != "wasi":
        return ()
    from hermetic_runtime.snapshots.imports import imported_packages

    return imported_packages(source)


def _prepare_interpreter(name: str, metering: str, on_progress: OnProgress) -> Path:
    if name != "wasi":
        return prepare(metering=metering, on_progress=on_progress)
    from hermetic_runtime.preparation_wasi import prepare_wasi

    return prepare_wasi(metering=metering, on_progress=on_progress)
