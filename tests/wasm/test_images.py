"""The files of an interpreter, and what is said when one is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hermetic_wasm import images
from hermetic_wasm.errors import ImageError
from hermetic_wasm.images import PYODIDE


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an image that has only what a test puts there."""
    monkeypatch.setattr(images, "DATA", tmp_path)
    folder = tmp_path / PYODIDE.name
    folder.mkdir()
    return folder


def test_a_missing_file_says_how_to_reinstall(damaged: Path) -> None:
    with pytest.raises(ImageError, match=r"core\.wasm .* is missing") as caught:
        PYODIDE.read("core.wasm")
    assert caught.value.hint is not None and "--reinstall-package" in caught.value.hint


def test_a_damaged_layout_says_how_to_reinstall(damaged: Path) -> None:
    (damaged / "layout.json").write_text("{")
    with pytest.raises(ImageError, match=r"layout\.json .* is damaged"):
        PYODIDE.layout()


def test_an_image_of_another_name_has_a_folder_of_its_own() -> None:
    with pytest.raises(ImageError, match="interpreter other"):
        PYODIDE._replace(name="other").path("core.wasm")


def test_the_content_hash_is_the_same_each_time() -> None:
    assert PYODIDE.content_hash() == PYODIDE.content_hash()
    assert len(PYODIDE.content_hash()) == 64


def test_the_content_hash_depends_on_the_files(damaged: Path) -> None:
    hashes: set[str] = set()
    for content_hash in ("a", "b"):
        (damaged / "layout.json").write_text(f'{{"content_hash": "{content_hash}"}}')
        hashes.add(PYODIDE.content_hash())
    assert len(hashes) == 2


def test_guest_sources_have_names_to_import_them_by() -> None:
    sources = dict(PYODIDE.guest_sources())
    assert b"def " in sources["hermetic_guest/agent.py"]


def test_importing_the_images_reads_none_of_their_files() -> None:
    code = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: event == 'open' and opened.append(str(args[0])))\n"
        "import hermetic_wasm.images\n"
        "print(*[path for path in opened if '/data/' in path])\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == ""
