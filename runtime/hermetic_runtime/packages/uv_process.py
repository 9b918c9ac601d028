"""Running uv, the program that resolves, downloads and installs."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hermetic_runtime.cache import cache_directory, private_directory
from hermetic_runtime.errors import InstallError
from hermetic_runtime.uv_executable import uv_executable

_MOST_LINES = 2000
_RETRIES = "2"
_KEPT_VARIABLES = frozenset(
    {
        "UV_CACHE_DIR",
        "UV_CONCURRENT_DOWNLOADS",
        "UV_CONCURRENT_INSTALLS",
        "UV_CONFIG_FILE",
        "UV_CREDENTIALS_DIR",
        "UV_DEFAULT_INDEX",
        "UV_EXCLUDE_NEWER",
        "UV_EXTRA_INDEX_URL",
        "UV_FIND_LINKS",
        "UV_HTTP_CONNECT_TIMEOUT",
        "UV_HTTP_RETRIES",
        "UV_HTTP_TIMEOUT",
        "UV_INDEX",
        "UV_INDEX_STRATEGY",
        "UV_INDEX_URL",
        "UV_INSECURE_HOST",
        "UV_KEYRING_PROVIDER",
        "UV_NATIVE_TLS",
        "UV_OFFLINE",
        "UV_SYSTEM_CERTS",
    }
)
"""Variables that say how uv reaches packages. The others would change what is done."""
_DROPPED_VARIABLES = ("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV")
_ALWAYS = ("--color", "never", "--no-progress", "--no-python-downloads", "--preview-features")


class UvFailed(Exception):
    """uv ended with an error; `said` is what it wrote to stderr."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


def run_uv(
    arguments: Sequence[str],
    *,
    timeout_seconds: float,
    offline: bool = False,
    environment: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> None:
    """Run uv with the caller's network, index and certificate settings, and no project's.

    `on_line` is given each line of stderr. Raises `UvFailed`, `InstallError` when it takes
    too long, and `PreparationError` when there is no uv. Whatever `on_line` raises, and
    KeyboardInterrupt, ends uv.
    """
    command = [uv_executable(), *arguments, *_ALWAYS, "pylock"]
    if offline:
        command.append("--offline")
    said: deque[str] = deque(maxlen=_MOST_LINES)
    expired = threading.Event()
    with subprocess.Popen(
        command,
        cwd=_empty_project(),
        env=_environment() | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        assert process.stderr is not None

        def expire() -> None:
            expired.set()
            _kill(process)

        timer = threading.Timer(timeout_seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            for line in process.stderr:
                said.append(line)
                if on_line is not None:
                    on_line(line.strip())
            status = process.wait()
        except BaseException:
            _kill(process)
            raise
        finally:
            timer.cancel()
    if expired.is_set():
        raise InstallError(
            f"uv was ended after {timeout_seconds:g} seconds",
            hint="The index may be slow, or out of reach. PackageSettings(timeout_seconds=...) "
            "gives it longer.",
        )
    if status != 0:
        raise UvFailed("".join(said))


def _empty_project() -> Path:
    """A folder whose project has no settings, so that uv takes none of a folder above it."""
    directory = cache_directory() / "project"
    path = directory / "pyproject.toml"
    if not path.exists():
        private_directory(directory)
        unfinished, temporary = tempfile.mkstemp(dir=directory)
        with os.fdopen(unfinished, "w") as file:
            file.write("[tool.uv.workspace]\n")
        os.replace(temporary, path)
    return directory


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _DROPPED_VARIABLES
        and not name.startswith("PYTHON")
        and (not name.startswith("UV_") or name in _KEPT_VARIABLES or _is_credential(name))
    }
    return {"UV_HTTP_RETRIES": _RETRIES, **kept}


def _is_credential(name: str) -> bool:
    return name.startswith("UV_INDEX_") and name.endswith(("_USERNAME", "_PASSWORD"))


def _kill(process: subprocess.Popen[str]) -> None:
    """Uv and whatever it started, such as a program that knows passwords."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError, PermissionError):
        process.kill()
