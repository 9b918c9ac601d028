"""Package sets, made by the real uv from the real index."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from asking_for_packages import BUILT_IN, ensure, files_of
from local_wheels import build_wheel

from hermetic_runtime.compilation import Metering
from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.packages import uv_process
from hermetic_runtime.packages.asking import package_request
from hermetic_runtime.packages.ensuring import ensure_package_set
from hermetic_runtime.packages.kept_sets import (
    find_set,
    list_sets,
    prune,
    remove_set,
    verify_and_repair_set,
)
from hermetic_runtime.packages.layout import DESCRIPTION, IMAGE, LAST_USE
from hermetic_runtime.packages.loaded import LoadedPackages
from hermetic_runtime.packages.settings import PackageSettings
from hermetic_runtime.providing import WantedEnvironment
from hermetic_runtime.providing_packages import provide_packages
from hermetic_runtime.sandbox import run

OFFLINE = PackageSettings(offline=True)


def test_a_request_for_nothing_gives_nothing(cache: Path) -> None:
    assert ensure_package_set(package_request()) is None
    assert not cache.exists()


def test_wheels_for_the_platform_of_pyodide_are_chosen(cache: Path) -> None:
    packages = ensure("pydantic>=2", "msgpack")

    assert packages.directory is not None
    loaded = LoadedPackages.load(packages.directory)
    assert packages.interpreter == "pyodide"
    assert {"pydantic", "pydantic-core", "msgpack"} <= packages.distributions.keys()
    assert loaded.side_modules == packages.side_modules
    assert [path.split("/")[0] for path in loaded.side_modules] == ["msgpack", "pydantic_core"]
    assert files_of(packages)["pydantic/__init__.py"]


def test_the_lock_says_who_needs_what_and_has_every_hash(cache: Path) -> None:
    packages = ensure("pydantic>=2")

    assert packages.directory is not None
    lock = json.loads((packages.directory / "lock.json").read_bytes())
    wheels = {wheel["name"]: wheel for wheel in lock["wheels"]}
    assert list(wheels) == sorted(wheels)
    assert wheels["pydantic"]["requested_by"] == []
    assert wheels["pydantic-core"]["requested_by"] == ["pydantic"]
    assert all(len(wheel["sha256"]) == 64 for wheel in wheels.values())
    assert wheels["pydantic-core"]["file"].endswith("-pyemscripten_2026_0_wasm32.whl")


def test_what_is_remembered_needs_no_uv(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ensure("six")

    def refuse() -> str:
        raise AssertionError("uv was run")

    monkeypatch.setattr(uv_process, "uv_executable", refuse)

    assert ensure("six") == first


_ENSURE = """
import sys
from hermetic_runtime.packages.asking import package_request
from hermetic_runtime.packages.ensuring import ensure_package_set
request = package_request(requirements=sys.argv[1:], interpreter="pyodide")
print(ensure_package_set(request).directory)
"""


def test_spelling_makes_no_other_set(cache: Path) -> None:
    first = ensure("six", "attrs")

    assert ensure("Attrs", "SIX").directory == first.directory


def test_a_set_that_was_removed_comes_back_without_a_network(cache: Path) -> None:
    first = ensure("six")
    assert first.directory is not None
    assert remove_set(first.directory.name) > 0

    again = ensure("six", settings=OFFLINE)

    assert again.directory == first.directory
    assert files_of(again)["six.py"]


def test_processes_that_ask_at_once_do_the_work_once(cache: Path, wheelhouse: Path) -> None:
    build_wheel(wheelhouse, "hermetic_probe")
    command = [sys.executable, "-c", _ENSURE, "hermetic_probe"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    printed = {process.communicate()[0] for process in processes}

    assert all(process.returncode == 0 for process in processes)
    assert len(printed) == 1
    assert len(list_sets()) == 1
    assert not list((cache / "sets").glob(".installing-*"))


def test_a_resolution_stays_until_it_is_renewed(cache: Path, wheelhouse: Path) -> None:
    build_wheel(wheelhouse, "hermetic_probe", "1.0")
    assert ensure("hermetic_probe").distributions == {"hermetic-probe": "1.0"}
    build_wheel(wheelhouse, "hermetic_probe", "1.1")

    remembered = ensure("hermetic_probe")
    aged = ensure("hermetic_probe", settings=PackageSettings(max_age_seconds=0))
    build_wheel(wheelhouse, "hermetic_probe", "1.2")
    refreshed = ensure("hermetic_probe", settings=PackageSettings(refresh=True))

    assert remembered.distributions == {"hermetic-probe": "1.0"}
    assert aged.distributions == {"hermetic-probe": "1.1"}
    assert refreshed.distributions == {"hermetic-probe": "1.2"}


def test_without_a_network_an_old_resolution_is_used_and_a_note_says_so(
    cache: Path, uv_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ensure("six")
    monkeypatch.setenv("UV_CACHE_DIR", str(uv_cache / "empty"))

    again = ensure("six", settings=PackageSettings(offline=True, max_age_seconds=0))

    assert again.directory == first.directory
    assert "can't be reached" in again.notes[0]


def test_what_was_published_later_does_not_count(cache: Path) -> None:
    packages = ensure("six", settings=PackageSettings(exclude_newer="2021-06-01"))

    assert packages.distributions == {"six": "1.16.0"}
    assert ensure("six").distributions != packages.distributions


def test_what_is_built_in_counts_as_installed(cache: Path) -> None:
    packages = ensure("numpy", interpreter="auto", built_in=BUILT_IN)

    assert (packages.interpreter, packages.directory) == ("wasi", None)
    assert packages.built_in == {"numpy": "2.5.2"}
    assert packages.reasons[0].startswith("not pyodide: numpy has no wheel that fits pyodide")
    assert packages.reasons[1].startswith("wasi: has numpy 2.5.2 built in")


def test_what_is_built_in_is_not_installed_over(cache: Path) -> None:
    packages = ensure("python-dateutil", interpreter="wasi", built_in=BUILT_IN)

    assert "python-dateutil" in packages.distributions
    assert "six" not in packages.distributions
    assert "six.py" not in files_of(packages)


def test_a_damaged_set_is_made_anew(cache: Path) -> None:
    packages = ensure("six")
    assert packages.directory is not None
    image = packages.directory / IMAGE
    image.write_bytes(image.read_bytes()[:-1])

    assert files_of(ensure("six"))["six.py"]


def test_a_set_whose_bytes_changed_is_found_out(cache: Path) -> None:
    packages = ensure("six")
    assert packages.directory is not None
    image = packages.directory / IMAGE
    assert not verify_and_repair_set(packages.directory)
    contents = bytearray(image.read_bytes())
    contents[-1] ^= 1
    image.write_bytes(contents)

    assert verify_and_repair_set(packages.directory)
    assert not verify_and_repair_set(ensure("six").directory or cache)


@pytest.mark.parametrize("compiled", [False, True], ids=["just made", "with its bytecode"])
def test_a_run_makes_a_set_again_whose_image_was_damaged(wheelhouse: Path, compiled: bool) -> None:
    build_wheel(wheelhouse, "hermetic_probe")
    wanted = WantedEnvironment("pyodide", requirements=("hermetic_probe",))
    directory = ensure("hermetic_probe").directory
    assert directory is not None
    if compiled:
        provide_packages(wanted, Metering.NONE, lambda _: None)
    image = directory / IMAGE
    sound = image.read_bytes()
    damaged = re.sub(rb'("hermetic_probe.py":\[\d+),\d+\]', rb"\1,99]", sound)
    image.unlink()
    image.write_bytes(damaged)
    assert len(damaged) == len(sound) and damaged != sound

    code = "__import__('hermetic_probe').value"  # not seen beforehand, so in no snapshot
    result = run(code, requirements=["hermetic_probe"], interpreter="pyodide")

    assert result.value is not None and result.value.json == 1


@pytest.mark.parametrize(
    "record",
    [
        "no JSON",
        "[1]",
        "[" * 100_000,
        '{"directory": "../../elsewhere"}',
        '{"resolved_at": "yesterday"}',
        '{"built_in": 1}',
        '{"wheels": [{}]}',
        '{"wheels": [], "directory": null, "reasons": [1]}',
    ],
)
def test_a_resolution_that_is_none_is_resolved_anew(cache: Path, record: str) -> None:
    sound = ensure("six")
    for path in (cache / "resolutions").glob("*.json"):
        given = json.loads(path.read_bytes())
        damaged = record if not record.startswith("{") else json.dumps(given | json.loads(record))
        path.write_text(damaged)

    assert ensure("six") == sound


@pytest.mark.parametrize(
    "changes",
    [
        {"distributions": {"six": "9"}},
        {"distributions": []},
        {"side_modules": {"six.so": 1}},
        {"lock": []},
        {"image": [1]},
        {"has_bytecode": "yes"},
    ],
)
def test_a_set_whose_description_is_none_is_made_anew(
    cache: Path, changes: dict[str, object]
) -> None:
    sound = ensure("six")
    assert sound.directory is not None
    description = sound.directory / DESCRIPTION
    description.write_text(json.dumps(json.loads(description.read_bytes()) | changes))
    assert [kept.complete for kept in list_sets()] == [False]

    assert ensure("six") == sound


def test_sets_are_listed_by_last_use_and_pruned(cache: Path) -> None:
    old, new = ensure("six").directory, ensure("attrs").directory
    assert old is not None and new is not None
    os.utime(old / LAST_USE, (1e9, 1e9))

    assert [kept.name for kept in list_sets()] == [new.name, old.name]
    assert find_set(new.name[:-3]).distributions.keys() == {"attrs"}
    assert [kept.name for kept in prune(unused_seconds=3600)] == [old.name]
    assert [kept.name for kept in list_sets()] == [new.name]
    assert all(kept.complete and kept.size_bytes > 10_000 for kept in list_sets())


def test_a_set_that_is_not_there_can_not_be_removed(cache: Path) -> None:
    with pytest.raises(InvalidInput, match="no package set is named"):
        remove_set("../interpreters")


def test_settings_of_a_project_around_the_cache_have_no_effect(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = '[tool.uv]\nindex-url = "http://127.0.0.1:9/"\n'
    (cache.parent / "pyproject.toml").write_text(project)
    monkeypatch.chdir(cache.parent)
    monkeypatch.setenv("UV_CONSTRAINT", str(cache / "none.txt"))

    assert ensure("six").distributions.keys() == {"six"}
