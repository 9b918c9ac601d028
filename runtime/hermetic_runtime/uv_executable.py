"""Where uv is, which fetches interpreters and packages."""

from __future__ import annotations

import threading

from hermetic_runtime.errors import PreparationError

_lock = threading.Lock()


def uv_executable() -> str:
    """The path of the executable that belongs to this Python. Raises `PreparationError`.

    Any thread may call. It takes one at a time: what is asked first, `sysconfig`, shows
    other threads a part of its variables while it collects them, before Python 3.12.
    """
    try:
        with _lock:
            from uv import find_uv_bin

            return find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise PreparationError(
            "uv is missing, which installs packages",
            hint="Reinstall hermetic-runtime: it depends on the Python package `uv`.",
        ) from error
