"""How guest processes are started on this system."""

from __future__ import annotations

import sys

from hermetic_runtime.environments import Environment
from hermetic_runtime.processes.launching import Launcher


def launcher(environment: Environment, *, keeps_state: bool = False) -> Launcher:
    """The quickest way there is: forked from a zygote on Linux, else started anew.

    `keeps_state` says that guests will wake or hibernate, which is prepared for once.
    """
    if sys.platform == "linux":
        from hermetic_runtime.processes.zygote_client import ZygoteLauncher

        return ZygoteLauncher(environment, keeps_state=keeps_state)
    from hermetic_runtime.processes.spawning import SpawnLauncher

    return SpawnLauncher(environment)
