"""The Pyodide distribution, served by a mirror that the test makes."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from asking_for_packages import install_error
from local_wheels import build_wheel, served
from packaging.utils import parse_wheel_filename

from hermetic_runtime.errors import ImageError
from hermetic_runtime.packages.asking import package_request
from hermetic_runtime.packages.choosing import Choice, Chooser
from hermetic_runtime.packages.distribution import Distribution
from hermetic_runtime.packages.making import make_set
from hermetic_runtime.packages.package_index import ScriptIndexes
from hermetic_runtime.packages.package_set import open_set
from hermetic_runtime.packages.requirements import parse_requirement
from hermetic_runtime.packages.resolving import Resolver
from hermetic_runtime.packages.settings import PackageSettings

TAG = "cp39-abi3-pyemscripten_2026_0_wasm32"


def entry(wheel: Path, *needs: str) -> dict[str, Any]:
    name, version = wheel.name.split("-")[:2]
    return {
        "name": name,
        "version": version,
        "file_name": wheel.name,
        "sha256": sha256(wheel.read_bytes()).hexdigest(),
        "depends": list(needs),
        "package_type": "package",
    }


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder with wheels and a lock, which also lists a wheel that is not there."""
    folder = tmp_path / "mirror"
    native = build_wheel(
        folder,
        "hermetic_native",
        tag=TAG,
        requires=("hermetic_pure",),
        files={"hermetic_native.abi3.so": b"\0asm"},
    )
    pure = build_wheel(folder, "hermetic_pure")
    absent = build_wheel(folder, "hermetic_absent")
    linked = build_wheel(folder, "hermetic_linked")
    library = {
        "name": "libprobe",
        "version": "1",
        "file_name": "libprobe-1.zip",
        "sha256": "0" * 64,
        "depends": [],
        "package_type": "shared_library",
    }
    packages = [entry(native, "hermetic_pure"), entry(pure), entry(absent)]
    packages += [entry(linked, "libprobe"), library]
    absent.unlink()
    lock = {"packages": {item["name"]: item for item in packages}}
    (folder / "lock.json").write_text(json.dumps(lock))
    return folder


def choose(mirror: Path, url: str, *texts: str) -> Choice:
    settings = PackageSettings(distribution_url=url)
    request = package_request(requirements=texts, interpreter="pyodide")
    return Chooser(
        request,
        [parse_requirement(stated) for stated in request.requirements],
        Resolver(settings, ScriptIndexes()),
        None,
        distribution=lambda: Distribution.read(mirror / "lock.json"),
    ).choose()


def test_what_the_index_lacks_comes_from_the_distribution(cache: Path, mirror: Path) -> None:
    with served(mirror) as url:
        choice = choose(mirror, url, "hermetic_native", "six")
        directory = make_set(choice.lock, choice.target, PackageSettings(), lambda _: None)

    versions = {wheel.name: wheel.version for wheel in choice.lock.wheels}
    assert versions.keys() == {"hermetic-native", "hermetic-pure", "six"}
    assert choice.reasons[-1].startswith("pyodide with the Pyodide distribution: has wheels")
    packages = open_set(directory)
    assert packages is not None
    assert packages.side_modules.keys() == {"hermetic_native.abi3.so"}


def test_what_the_index_has_comes_from_the_index(cache: Path, mirror: Path) -> None:
    choice = choose(mirror, "http://127.0.0.1:9/", "six")

    assert choice.reasons == ("pyodide: has wheels for everything that is needed",)


def test_a_wheel_that_the_mirror_does_not_serve_is_said(cache: Path, mirror: Path) -> None:
    with (
        served(mirror) as url,
        install_error("hermetic_absent-1.0-py3-none-any.whl is in the lock .* does not serve it"),
    ):
        choose(mirror, url, "hermetic_absent")


def test_a_shared_library_that_is_no_wheel_is_said(cache: Path, mirror: Path) -> None:
    with served(mirror) as url, install_error("hermetic-linked 1.0 .* needs libprobe"):
        choose(mirror, url, "hermetic_linked")


def test_every_wheel_of_the_real_lock_fits_the_interpreter() -> None:
    accepted = {"any", "pyemscripten_2026_0_wasm32"}
    distribution = Distribution.read()

    assert len(distribution.wheels) > 200
    for wheel in distribution.wheels.values():
        _, _, _, tags = parse_wheel_filename(wheel.file)
        assert {tag.platform for tag in tags} <= accepted, wheel.file
    assert "libopenblas" in distribution.libraries


def test_a_lock_that_is_damaged_is_said(tmp_path: Path) -> None:
    (tmp_path / "lock.json").write_text('{"packages": {"a": []}}')

    with pytest.raises(ImageError, match="damaged"):
        Distribution.read(tmp_path / "lock.json")
