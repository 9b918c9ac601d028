"""Each way in which packages can't be had, with what is said about it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from asking_for_packages import BUILT_IN, ensure, install_error
from local_wheels import build_wheel, served

from hermetic_runtime.errors import InvalidInput, InvalidScript
from hermetic_runtime.packages import making
from hermetic_runtime.packages.asking import package_request
from hermetic_runtime.packages.ensuring import ensure_package_set
from hermetic_runtime.packages.install_errors import FailureKind, classify
from hermetic_runtime.packages.script_metadata import read_script_metadata
from hermetic_runtime.packages.settings import PackageSettings
from hermetic_runtime.packages.targets import pyodide_target


def test_a_misspelt_name_comes_with_near_ones(cache: Path) -> None:
    with install_error("no package is named reqeusts") as errors:
        ensure("reqeusts", interpreter="auto", built_in=BUILT_IN)
    assert errors[0].hint == "Is it requests?"


def test_a_package_with_sources_only_has_no_wheel_that_fits(cache: Path) -> None:
    with install_error("docopt has no wheel that fits pyodide.*published as source only"):
        ensure("docopt")


def test_native_code_without_a_wheel_that_fits_says_what_each_interpreter_lacks(
    cache: Path,
) -> None:
    with install_error("no interpreter can have psutil") as errors:
        ensure("psutil", interpreter="auto", built_in=BUILT_IN)
    pyodide, wasi = errors[0].message.splitlines()[1:]
    assert "pyodide: psutil has no wheel that fits pyodide" in pyodide
    assert "wasi: psutil has no wheel that fits wasi" in wasi
    assert "has wheels for cp" in pyodide
    assert "Linux, Windows, macOS" in pyodide


def test_requirements_that_exclude_one_another_are_named(cache: Path) -> None:
    with install_error("you require six==1.16.0 and six==1.17.0$"):
        ensure("six==1.16.0", "six==1.17.0")


def test_another_version_than_the_one_built_in_is_refused(cache: Path) -> None:
    with install_error("numpy 2.5.2 is built in, which numpy<2 does not allow"):
        ensure("numpy<2", interpreter="wasi", built_in=BUILT_IN)


def test_a_package_that_needs_another_version_than_the_one_built_in_is_refused(
    cache: Path, wheelhouse: Path
) -> None:
    build_wheel(wheelhouse, "hermetic_probe", requires=("six<1.17",))

    with install_error(r"six 1.17.0 built in, and can't be replaced"):
        ensure("hermetic_probe", interpreter="wasi", built_in=BUILT_IN)


def test_without_a_network_what_is_not_in_the_cache_can_not_be_had(
    cache: Path, uv_cache: Path
) -> None:
    with install_error("can't be reached"):
        ensure("six", settings=PackageSettings(offline=True))


def test_without_a_network_what_is_in_uvs_cache_can_be_had(cache: Path) -> None:
    ensure("six", settings=PackageSettings(max_age_seconds=7))

    assert ensure("six", "six", settings=PackageSettings(offline=True, exclude_newer="2099-01-01"))


def test_an_index_that_does_not_answer_is_said_with_the_reason(
    cache: Path, uv_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")

    with install_error("can't be reached.*Connection refused"):
        ensure("six")


def test_a_wheel_that_is_not_what_was_locked_is_refused(
    cache: Path, uv_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = tmp_path / "published"
    folder = published / "simple" / "hermetic-probe"
    wheel = build_wheel(folder, "hermetic_probe")
    page = f'<html><body><a href="{wheel.name}#sha256={"0" * 64}">{wheel.name}</a></body></html>'
    (folder / "index.html").write_text(page)
    with served(published) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{url}/simple")
        with install_error("(?i)hermetic.probe is not what was locked: .*hash mismatch"):
            ensure("hermetic_probe")


def test_a_wheel_that_is_damaged_in_uvs_cache_is_fetched_again(cache: Path, uv_cache: Path) -> None:
    first = ensure("six")
    [module] = uv_cache.glob("archive-v*/*/six.py")
    module.chmod(0o644)
    module.write_text("damaged = True\n")
    assert first.directory is not None
    for path in first.directory.iterdir():
        path.unlink()

    again = ensure("six")

    assert again.directory == first.directory
    assert again.lock == first.lock


def test_a_full_disk_is_named_and_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, _: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(making, "write_image", refuse)

    with install_error("the disk is full"):
        ensure("six")
    assert not list((cache / "sets").glob("[!.]*"))


def test_a_disk_that_uv_finds_full_is_named() -> None:
    said = "error: Failed to install: six\n  cause: No space left on device (os error 28)\n"

    error = classify(said, pyodide_target())

    assert error.kind is FailureKind.DISK
    assert error.message == (
        "the disk is full: Failed to install: six: No space left on device (os error 28)"
    )


def test_a_python_that_no_interpreter_has_is_refused_with_the_line(cache: Path) -> None:
    script = '# /// script\n# requires-python = "<3.12"\n# dependencies = ["six"]\n# ///\n'

    with pytest.raises(
        InvalidScript, match=r"line 2: .*'<3.12'.*pyodide has 3.14.2, wasi has 3.15"
    ):
        ensure_package_set(
            package_request(read_script_metadata(script)), wasi_built_in=lambda: BUILT_IN
        )


def test_the_interpreter_that_has_the_python_is_taken(cache: Path) -> None:
    script = '# /// script\n# requires-python = ">=3.15"\n# ///\n'

    found = ensure_package_set(
        package_request(read_script_metadata(script)), wasi_built_in=lambda: BUILT_IN
    )

    assert found is not None
    assert (found.interpreter, found.directory) == ("wasi", None)


def test_a_python_specifier_that_is_none_is_refused_with_the_line(cache: Path) -> None:
    script = '# /// script\n# requires-python = "three"\n# ///\n'

    with pytest.raises(InvalidScript, match="line 2: requires-python 'three' is not"):
        ensure_package_set(package_request(read_script_metadata(script)))


def test_a_url_is_refused_before_anything_is_fetched(cache: Path) -> None:
    with pytest.raises(InvalidInput, match="names a URL, which is not allowed"):
        ensure("probe @ https://127.0.0.1:9/probe-1.0-py3-none-any.whl")


def test_control_codes_do_not_come_through() -> None:
    error = classify("error: \x1b[31mbad\x1b[0m \x07thing\n", pyodide_target())

    assert error.message == "bad thing"
