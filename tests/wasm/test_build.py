"""The image of the interpreter: built once, whole, from the pinned package."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hermetic_wasm.build import build_pyodide, ensure_pyodide, fetch_pyodide, is_current
from hermetic_wasm.errors import ImageError


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real package, fetched with the real npm."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not there")
    return fetch_pyodide(tmp_path_factory.mktemp("tarball"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_an_image_that_was_built_is_current(tarball: Path, tmp_path: Path) -> None:
    build_pyodide(tarball, tmp_path / "image")
    assert is_current(tmp_path / "image")


@pytest.mark.slow
def test_nothing_is_fetched_for_an_image_that_is_current(
    tarball: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_pyodide(tarball, tmp_path / "image")
    monkeypatch.setenv("PATH", "")
    assert ensure_pyodide(tmp_path / "image") is False


@pytest.mark.slow
def test_building_twice_gives_the_same_image(tarball: Path, tmp_path: Path) -> None:
    build_pyodide(tarball, tmp_path / "first")
    build_pyodide(tarball, tmp_path / "second")
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


@pytest.mark.slow
def test_building_replaces_the_whole_folder(tarball: Path, tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "left-over").touch()
    build_pyodide(tarball, tmp_path / "image")
    assert "left-over" not in contents(tmp_path / "image")
    assert [path.name for path in tmp_path.iterdir()] == ["image"]


@pytest.mark.slow
def test_a_folder_that_can_not_be_written_is_told(tarball: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="can't be written"):
        build_pyodide(tarball, tmp_path / "file" / "image")


def test_a_tarball_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    forged = tmp_path / "pyodide.tgz"
    forged.write_bytes(b"something else")
    with pytest.raises(ImageError, match="not the package that is pinned"):
        build_pyodide(forged, tmp_path / "image")
    assert not (tmp_path / "image").exists()


def test_an_empty_folder_is_not_current(tmp_path: Path) -> None:
    assert not is_current(tmp_path)


def test_an_image_with_another_stamp_is_not_current(tmp_path: Path) -> None:
    (tmp_path / "stamp").write_text("0" * 64)
    assert not is_current(tmp_path)


def test_a_missing_image_is_not_made_without_npm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match="npm is needed"):
        ensure_pyodide(tmp_path / "image")
