"""The command line and its caches, as tests of the doors use them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from command_line import COMMAND, RunHermetic, StartHermetic
from prepared_interpreters import link_interpreters

from hermetic_runtime.preparation import prepare
from hermetic_runtime.preparation_wasi import prepare_wasi


@pytest.fixture(scope="session")
def prepared() -> None:
    """An interpreter that is ready, so that a test measures its own subject only."""
    prepare()


@pytest.fixture(scope="session")
def wasi_prepared() -> None:
    """The other interpreter, ready too."""
    prepare_wasi()


@pytest.fixture
def without_packages(
    prepared: None, wasi_prepared: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A cache of this test's own that has the interpreters and nothing else."""
    cache = tmp_path / "cache"
    link_interpreters(cache)
    monkeypatch.setenv("HERMETIC_CACHE_DIR", str(cache))
    return cache


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem with room for a part of what preparation makes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only a user who may mount can make a small filesystem")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


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
            timeout=240,
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
        chosen: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        chosen |= {"cwd": tmp_path, **options}
        started: subprocess.Popen[Any] = subprocess.Popen(
            [*COMMAND, *map(str, arguments)], **chosen
        )
        return started

    return start
