"""How guest processes are started on this system."""

from __future__ import annotations

import sys
from pathlib import Path

from hermetic_runtime.processes.launching import Launcher


def launcher(directory: Path) -> Launcher:
    """The quickest way there is: forked from a zygote on Linux, else started anew."""
    if sys.platform == "linux":
        from hermetic_runtime.processes.zygote_client import ZygoteLauncher

        return ZygoteLauncher(directory)
    from hermetic_runtime.processes.spawning import SpawnLauncher

    return SpawnLauncher(directory)
