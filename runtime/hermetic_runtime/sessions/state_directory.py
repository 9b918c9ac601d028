"""Where sessions are kept: private to the user, and not a cache, because nothing can make
them again.
"""

from __future__ import annotations

import os
from pathlib import Path

from hermetic_runtime.cache import private_directory

ENVIRONMENT_VARIABLE = "HERMETIC_STATE_DIR"


def state_directory() -> Path:
    """`HERMETIC_STATE_DIR`, or the platform's own place for data; made if it is not there.

    Raises `PreparationError` when it can't be made or others can write to it.
    """
    chosen = os.environ.get(ENVIRONMENT_VARIABLE)
    if chosen:
        return private_directory(Path(chosen).absolute())
    from platformdirs import user_data_path

    return private_directory(user_data_path("hermetic", appauthor=False))
