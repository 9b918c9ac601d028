"""Where the snapshots of an environment are kept, once they have been made."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from hermetic_runtime.cache import cache_directory
from hermetic_runtime.environments import Environment
from hermetic_runtime.prepared import PREPARED_FORMAT, is_complete


def snapshots_folder(environment: Environment, preloads: Sequence[str]) -> Path:
    """Named by everything that goes into the snapshots."""
    interpreter = environment.interpreter
    facts = (
        str(PREPARED_FORMAT),
        interpreter.parent.name,
        interpreter.name,
        environment.packages.name if environment.packages else "",
        *sorted(preloads),
    )
    digest = sha256("\0".join(facts).encode()).hexdigest()
    kind = interpreter.parent.name.partition("-")[0]
    return cache_directory() / "snapshots" / f"{kind}-{digest[:20]}"


def with_snapshots(environment: Environment, preloads: Sequence[str]) -> Environment | None:
    """The environment with its snapshots; None while there are none."""
    folder = snapshots_folder(environment, preloads)
    return environment._replace(snapshots=folder) if is_complete(folder) else None
