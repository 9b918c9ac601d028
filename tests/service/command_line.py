"""How the tests start the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

COMMAND = (sys.executable, "-m", "hermetic")


class RunHermetic(Protocol):
    def __call__(
        self, *arguments: str | Path, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]: ...


class StartHermetic(Protocol):
    def __call__(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]: ...
