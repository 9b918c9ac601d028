"""Bytecode of package sets, compiled by a guest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from asking_for_packages import ensure, files_of
from local_wheels import build_wheel

from hermetic_runtime.environments import Environment, load_environment
from hermetic_runtime.errors import PreparationError
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.limits import Limits
from hermetic_runtime.packages.kept_sets import remove_set
from hermetic_runtime.packages.layout import IMAGE
from hermetic_runtime.packages.package_set import PackageSet
from hermetic_runtime.preparation import prepare
from hermetic_runtime.preparing_process import run_preparing
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import GuestSettings, RunReport, RunRequest


@pytest.fixture
def interpreter() -> Path:
    """Prepared once for all tests, so in the session's cache."""
    return prepare()


@pytest.fixture
def package_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageSet]:
    """With a source that raises when it is executed, and one that is no Python."""
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    files = {
        "hermetic_probe/__init__.py": b"import hermetic_probe.helper\nvalue = 7\n",
        "hermetic_probe/helper.py": b"",
        "hermetic_probe/explosive.py": b"raise SystemExit('executed')\n",
        "hermetic_probe/two.py": b"print 'two'\n",
        "hermetic_probe/deep.py": b"(" * 100_000,
    }
    version = f"1.{os.getpid()}"
    build_wheel(tmp_path, "hermetic_probe", version, files)
    found = ensure(f"hermetic_probe=={version}")
    assert found.directory is not None
    yield found
    remove_set(found.directory.name)


def compile_set(package_set: PackageSet, interpreter: Path) -> None:
    argument = {
        "set": str(package_set.directory),
        "interpreter": str(interpreter),
        "metering": "none",
    }
    run_preparing("packages", argument, lambda _: None)


def run_over(package_set: PackageSet, interpreter: Path, code: str) -> RunReport:
    limits = Limits()
    environment = load_environment(Environment(interpreter, package_set.directory))
    guest = Guest(
        environment,
        GuestSettings(limits=limits),
        deliver=lambda *_: None,
        request_input=lambda: None,
    )

    def run() -> RunReport:
        guest.boot()
        return guest.run(RunRequest(code.encode(), limits=limits))

    try:
        return run_in_guest_thread(run)
    finally:
        guest.close()


def test_every_source_that_compiles_gets_bytecode_and_none_is_executed(
    package_set: PackageSet, interpreter: Path
) -> None:
    compile_set(package_set, interpreter)

    compiled = {name for name in files_of(package_set) if name.endswith(".pyc")}
    assert compiled == {
        f"hermetic_probe/__pycache__/{name}.cpython-314.pyc"
        for name in ("__init__", "helper", "explosive")
    }


def test_the_guest_imports_the_bytecode(package_set: PackageSet, interpreter: Path) -> None:
    compile_set(package_set, interpreter)
    code = "import hermetic_probe as p; (p.value, p.__cached__, p.__file__)"

    report = run_over(package_set, interpreter, code)

    folder = "/lib/python3.14/site-packages/hermetic_probe"
    cached = f"{folder}/__pycache__/__init__.cpython-314.pyc"
    assert report.outcome is Outcome.OK
    assert report.value is not None
    assert report.value.json == [7, cached, f"{folder}/__init__.py"]


def test_a_set_works_before_its_bytecode_is_made(
    package_set: PackageSet, interpreter: Path
) -> None:
    report = run_over(package_set, interpreter, "import hermetic_probe; hermetic_probe.value")

    assert report.value is not None
    assert report.value.json == 7


def test_bytecode_is_made_once(package_set: PackageSet, interpreter: Path) -> None:
    compile_set(package_set, interpreter)
    assert package_set.directory is not None
    before = (package_set.directory / IMAGE).stat().st_mtime_ns

    compile_set(package_set, interpreter)

    assert (package_set.directory / IMAGE).stat().st_mtime_ns == before
    assert not package_set.has_bytecode
    assert ensure(*(f"{name}=={v}" for name, v in package_set.distributions.items())).has_bytecode


def test_a_set_that_is_not_there_is_said(tmp_path: Path, interpreter: Path) -> None:
    argument = {
        "set": str(tmp_path / "none"),
        "interpreter": str(interpreter),
        "metering": "none",
    }

    with pytest.raises(PreparationError, match="is not complete"):
        run_preparing("packages", argument, lambda _: None)


def test_markers_are_what_the_guest_says_of_itself(
    package_set: PackageSet, interpreter: Path
) -> None:
    from hermetic_runtime.packages.targets import pyodide_target

    code = """
import os, platform, sys
{
    "implementation_name": sys.implementation.name,
    "implementation_version": platform.python_version(),
    "os_name": os.name,
    "platform_machine": platform.machine(),
    "platform_python_implementation": platform.python_implementation(),
    "platform_release": platform.release(),
    "platform_system": platform.system(),
    "platform_version": platform.version(),
    "python_full_version": platform.python_version(),
    "python_version": ".".join(platform.python_version_tuple()[:2]),
    "sys_platform": sys.platform,
}
"""

    report = run_over(package_set, interpreter, code)

    assert report.value is not None
    assert report.value.json == pyodide_target().markers()
