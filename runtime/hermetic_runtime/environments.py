"""An environment: what guests are started from, an interpreter and the packages over it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

TYPE_CHECKING = False  # without `typing`, whose import a zygote need not wait for
if TYPE_CHECKING:
    from hermetic_runtime.interpreters.interface import LoadedInterpreter
    from hermetic_runtime.packages.loaded import LoadedPackages


class Environment(NamedTuple):
    """Where a prepared interpreter is, and a package set for it, if one is wanted."""

    interpreter: Path
    packages: Path | None = None

    def encode(self) -> bytes:
        """As `decode` takes it."""
        return b"\0".join(os.fsencode(path) for path in self if path is not None)

    @classmethod
    def decode(cls, encoded: bytes) -> Environment:
        """What `encode` gave."""
        return cls(*(Path(os.fsdecode(path)) for path in encoded.split(b"\0")))


class LoadedEnvironment(NamedTuple):
    """An environment in a process that starts guests. It has never run one."""

    interpreter: LoadedInterpreter
    packages: LoadedPackages | None = None


def load_environment(environment: Environment) -> LoadedEnvironment:
    """Raises `PreparationError` when something in it is damaged."""
    from hermetic_runtime.interpreters.loading import load_interpreter

    interpreter = load_interpreter(environment.interpreter)
    if environment.packages is None:
        return LoadedEnvironment(interpreter)
    from hermetic_runtime.packages.loaded import LoadedPackages

    return LoadedEnvironment(interpreter, LoadedPackages.load(environment.packages))
