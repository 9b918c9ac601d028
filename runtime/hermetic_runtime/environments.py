"""An environment: what guests are started from, an interpreter and the packages over it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

TYPE_CHECKING = False  # without `typing`, whose import a zygote need not wait for
if TYPE_CHECKING:
    from hermetic_runtime.interpreters.interface import LoadedInterpreter
    from hermetic_runtime.packages.loaded import LoadedPackages
    from hermetic_runtime.snapshots.stored import LoadedSnapshot


class Environment(NamedTuple):
    """Where a prepared interpreter is, a package set for it, and snapshots of both.

    `snapshots` is a folder of variants that differ in what is random at boot.
    """

    interpreter: Path
    packages: Path | None = None
    snapshots: Path | None = None

    def encode(self) -> bytes:
        """As `decode` takes it."""
        return b"\0".join(os.fsencode(path) if path is not None else b"" for path in self)

    @classmethod
    def decode(cls, encoded: bytes) -> Environment:
        """What `encode` gave."""
        interpreter, *others = encoded.split(b"\0")
        return cls(
            Path(os.fsdecode(interpreter)),
            *(Path(os.fsdecode(path)) if path else None for path in others),
        )


class LoadedEnvironment(NamedTuple):
    """An environment in a process that starts guests. It has never run one."""

    interpreter: LoadedInterpreter
    packages: LoadedPackages | None = None
    snapshots: tuple[LoadedSnapshot, ...] = ()

    def any_snapshot(self, memory_limit: int) -> LoadedSnapshot | None:
        """One of the variants whose memory fits, at random."""
        fitting = [it for it in self.snapshots if it.memory_bytes <= memory_limit]
        if not fitting:
            return None
        return fitting[os.urandom(1)[0] % len(fitting)]


def load_environment(environment: Environment) -> LoadedEnvironment:
    """Raises `PreparationError` when something in it is damaged."""
    from hermetic_runtime.interpreters.loading import load_interpreter

    interpreter = load_interpreter(environment.interpreter)
    packages = None
    snapshots: tuple[LoadedSnapshot, ...] = ()
    if environment.packages is not None:
        from hermetic_runtime.packages.loaded import LoadedPackages

        packages = LoadedPackages.load(environment.packages)
        interpreter.map_side_modules(packages)
    if environment.snapshots is not None:
        from hermetic_runtime.snapshots.stored import load_snapshots

        snapshots = load_snapshots(interpreter.engine, environment.snapshots)
    return LoadedEnvironment(interpreter, packages, snapshots)
