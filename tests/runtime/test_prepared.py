"""Whether what was prepared is still there, which every run asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hermetic_runtime.preparation import described_files, verify_and_repair
from hermetic_runtime.prepared import MANIFEST, is_complete


def made(folder: Path) -> Path:
    """A folder of two files, with a manifest that was written after them."""
    (folder / "snapshots").mkdir(parents=True)
    (folder / "core").write_bytes(b"core")
    (folder / "snapshots/memory").write_bytes(b"memory")
    (folder / MANIFEST).write_text(json.dumps({"files": described_files(folder)}))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made(tmp_path / "interpreter")


def test_a_folder_with_all_that_was_written_is_complete(folder: Path) -> None:
    assert is_complete(folder)
    assert is_complete(folder)


@pytest.mark.parametrize("contents", [None, b"mem"])
def test_a_folder_in_which_a_file_is_missing_or_shorter_is_not(
    folder: Path, contents: bytes | None
) -> None:
    (folder / "snapshots/memory").unlink()
    if contents is not None:
        (folder / "snapshots/memory").write_bytes(contents)

    assert not is_complete(folder)


def test_a_folder_that_was_removed_after_it_was_looked_at_is_not(folder: Path) -> None:
    assert is_complete(folder)
    (folder / MANIFEST).unlink()

    assert not is_complete(folder)


def test_a_folder_that_takes_the_place_of_another_is_looked_at(
    folder: Path, tmp_path: Path
) -> None:
    assert is_complete(folder)
    folder.rename(tmp_path / "old")
    (made(tmp_path / "new") / "core").unlink()
    (tmp_path / "new").rename(folder)

    assert not is_complete(folder)


def test_what_is_damaged_after_it_was_looked_at_is_found_by_who_could_not_load_it(
    folder: Path,
) -> None:
    assert is_complete(folder)
    (folder / "core").unlink()

    assert verify_and_repair(folder)
    assert not is_complete(folder)
