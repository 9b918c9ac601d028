"""What is built can be installed elsewhere, and works there without npm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
UV = (sys.executable, "-m", "uv")
DISTRIBUTIONS = ("hermetic", "hermetic_runtime", "hermetic_wasm")

pytestmark = pytest.mark.slow


def run(*command: str | Path, **options: Any) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of each distribution, made from its sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(*UV, "build", "--all-packages", "--out-dir", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the wheels and nothing of this repository."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = folder / "environment"
    run(*UV, "venv", "--python", sys.executable, environment, cwd=folder)
    wheels = sorted(built.glob("*.whl"))
    run(*UV, "pip", "install", "--python", environment / "bin/python", *wheels, cwd=folder)
    return environment


def test_each_distribution_gives_an_sdist_and_a_wheel(built: Path):
    for name in DISTRIBUTIONS:
        assert len(list(built.glob(f"{name}-*.whl"))) == 1
        assert len(list(built.glob(f"{name}-*.tar.gz"))) == 1


def test_the_installed_command_runs_a_guest_without_npm(installed: Path, tmp_path: Path):
    environment = {
        "HOME": str(tmp_path),
        "HERMETIC_CACHE_DIR": str(tmp_path / "cache"),
        "PATH": str(installed / "bin"),
    }
    output = run(
        installed / "bin/hermetic", "run", "-c", "print(6*7)", cwd=tmp_path, env=environment
    )
    assert output == "42\n"


def test_each_distribution_carries_its_licence_and_its_types(installed: Path):
    for name in DISTRIBUTIONS:
        assert list(installed.glob(f"lib/*/site-packages/{name}-*.dist-info/licenses/LICENSE*"))
        assert list(installed.glob(f"lib/*/site-packages/{name}/py.typed"))


def test_nothing_of_the_repository_is_used(installed: Path):
    code = "import hermetic_runtime.sandbox as module; print(module.__file__)"
    path = run(installed / "bin/python", "-I", "-c", code, cwd=os.sep).strip()
    assert Path(path).is_relative_to(installed)
