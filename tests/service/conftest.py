from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from command_line import COMMAND

from hermetic_runtime.preparation import prepare


class RunHermetic(Protocol):
    def __call__(
        self, *arguments: str | Path, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]: ...


class StartHermetic(Protocol):
    def __call__(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]: ...


@pytest.fixture(scope="session")
def prepared(shared_cache: None) -> None:
    """An interpreter that is ready, so that a test measures its own subject only."""
    prepare()


@pytest.fixture
def hermetic(prepared: None, tmp_path: Path) -> RunHermetic:
    """Run the command line to its end, in an empty folder."""

    def run(
        *arguments: str | Path, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env=os.environ | (env or {}),
            cwd=tmp_path,
            timeout=120,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run


@pytest.fixture
def start_hermetic(prepared: None, tmp_path: Path) -> StartHermetic:
    """Start the command line, with pipes unless `options` say otherwise."""

    def start(*arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)], **({"cwd": tmp_path} | pipes | options)
        )

    return start
