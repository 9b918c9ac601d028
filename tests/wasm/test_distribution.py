"""hermetic-wasm as a source distribution, a wheel and an editable install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).parents[2] / "wasm"
CORE = "hermetic_wasm/data/pyodide/core.wasm"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the sources without an image."""
    ignored = shutil.ignore_patterns("data", "__pycache__")
    return Path(shutil.copytree(SOURCE, tmp_path / "source", ignore=ignored))


def uv(*arguments: str | Path, **environment: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "uv", *arguments],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )


def build(source: Path, kind: str, into: Path, **environment: str) -> Path:
    uv("build", kind, "--python", sys.executable, "--out-dir", into, source, **environment)
    (built,) = (path for path in into.iterdir() if path.suffix in (".gz", ".whl"))
    return built


def test_a_source_distribution_has_no_image_and_the_wheel_from_it_has(
    source: Path, tmp_path: Path
) -> None:
    with tarfile.open(build(source, "--sdist", tmp_path / "sdist")) as archive:
        assert not any("/data/" in name for name in archive.getnames())
        archive.extractall(tmp_path, filter="data")
    wheel = build(tmp_path / "hermetic_wasm-0.1.0", "--wheel", tmp_path / "wheel")
    names = zipfile.ZipFile(wheel).namelist()
    for name in (CORE, "hermetic_wasm/trampoline.wat", "hermetic_wasm/py.typed"):
        assert name in names
    assert "hermetic_wasm/guest/hermetic_guest/agent.py" in names
    for licence in ("LICENSE", "LICENSE-MPL-2.0", "LICENSE-PSF-2.0"):
        assert any(name.endswith(f"licenses/{licence}") for name in names)


def test_a_wheel_is_built_where_there_is_no_npm(source: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    wheel = build(source, "--wheel", tmp_path / "wheel", PATH=str(programs))
    assert CORE in zipfile.ZipFile(wheel).namelist()


def test_an_editable_install_has_an_image(source: Path, tmp_path: Path) -> None:
    python = tmp_path / "environment" / "bin" / "python"
    uv("venv", "--python", sys.executable, tmp_path / "environment")
    uv("pip", "install", "--python", python, "--editable", source)
    code = "from hermetic_wasm.images import PYODIDE; print(PYODIDE.path('core.wasm'))"
    finished = subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert Path(finished.stdout.strip()) == source / CORE
