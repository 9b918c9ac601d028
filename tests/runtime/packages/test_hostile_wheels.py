"""Wheels that would do something on the host, if anything of theirs ran."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking_for_packages import ensure, files_of, install_error
from local_wheels import build_wheel

from hermetic_runtime.packages import installing
from hermetic_runtime.packages.kept_sets import list_sets


def test_nothing_of_a_package_runs_on_the_host(
    cache: Path, wheelhouse: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    leave = f"import pathlib; pathlib.Path({str(mark)!r}).touch()\n".encode()
    info, data = "hermetic_probe-1.0.dist-info", "hermetic_probe-1.0.data"
    build_wheel(
        wheelhouse,
        "hermetic_probe",
        files={
            "hermetic_probe/__init__.py": leave,
            "hermetic_probe/__pycache__/__init__.cpython-311.pyc": leave,
            "hermetic_probe.pth": leave,
            "sitecustomize.py": leave,
            "usercustomize.py": leave,
            "setup.py": leave,
            f"{data}/scripts/probe": b"#!python\n" + leave,
            f"{data}/data/pyvenv.cfg": b"home = /\n",
            f"{data}/purelib/more.py": leave,
            f"{info}/entry_points.txt": b"[console_scripts]\nprobe = hermetic_probe:main\n",
        },
    )

    files = files_of(ensure("hermetic_probe"))

    assert not mark.exists()
    assert files["hermetic_probe/__init__.py"] == leave
    assert files["more.py"] == leave
    assert not [name for name in files if name.endswith((".pth", ".pyc"))]
    assert not [name for name in files if name.startswith("bin/")]


@pytest.mark.parametrize("path", ["../outside.py", "/outside.py", "a/../../outside.py"])
def test_a_wheel_with_a_path_out_of_its_folder_leaves_nothing(
    cache: Path, uv_cache: Path, wheelhouse: Path, tmp_path: Path, path: str
) -> None:
    build_wheel(wheelhouse, "hermetic_probe", files={path: b"", "hermetic_probe.py": b""})

    files = files_of(ensure("hermetic_probe"))

    assert {name for name in files if ".dist-info/" not in name} == {"hermetic_probe.py"}
    assert not list(tmp_path.rglob("outside.py"))
    assert not Path("/outside.py").exists()


def test_a_set_that_is_too_large_is_refused(
    cache: Path, wheelhouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "MOST_BYTES", 100_000)
    build_wheel(wheelhouse, "hermetic_probe", files={"probe.bin": bytes(100_001)})

    with install_error("more than 100,000 bytes"):
        ensure("hermetic_probe")
    assert list_sets() == []


def test_a_file_name_that_a_guest_can_not_have_is_refused(cache: Path, wheelhouse: Path) -> None:
    build_wheel(wheelhouse, "hermetic_probe", files={"a" * 300 + ".py": b""})

    with install_error("[Nn]ame too long"):
        ensure("hermetic_probe")
