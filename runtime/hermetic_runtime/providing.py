"""From what a caller wants a sandbox to be made of, to an environment that is ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

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


def provide(wanted: WantedEnvironment, metering: str, on_progress: OnProgress) -> Environment:
    """Make ready what is not ready yet.

    Raises `PreparationError` and `ImageError` when the interpreter can't be had.
    """
    directory = _prepare_interpreter(wanted.interpreter, metering, on_progress)
    return Environment(directory, snapshots=directory / SNAPSHOTS)


def _prepare_interpreter(name: str, metering: str, on_progress: OnProgress) -> Path:
    if name != "wasi":
        return prepare(metering=metering, on_progress=on_progress)
    from hermetic_runtime.preparation_wasi import prepare_wasi

    return prepare_wasi(metering=metering, on_progress=on_progress)
