"""`hermetic doctor`, `hermetic cache` and `hermetic --version`."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from hermetic_runtime.preparation import prepare


@pytest.fixture
def cache(prepared, tmp_path: Path) -> Path:
    """A copy of the prepared cache that a test may spoil."""
    copy = tmp_path / "cache"
    interpreter = prepare()
    relative = interpreter.relative_to(os.environ["HERMETIC_CACHE_DIR"])
    shutil.copytree(interpreter, copy / relative)
    copy.chmod(0o700)
    return copy


def test_version_names_the_release(hermetic):
    assert re.fullmatch(r"hermetic \d+\.\d+\.\d+\n", hermetic("--version").stdout)


def test_doctor_says_what_is_there_and_that_it_works(hermetic):
    done = hermetic("doctor")
    assert done.returncode == 0, done.stderr
    found = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert {"hermetic", "python", "wasmtime", "interpreter", "cache", "prepared"} <= set(found)
    assert found["guest"].startswith("works")


def test_doctor_prepares_what_is_missing(hermetic, tmp_path: Path):
    done = hermetic("doctor", env={"HERMETIC_CACHE_DIR": str(tmp_path / "cache")})
    assert (done.returncode, done.stderr) == (0, "")


def test_doctor_ends_with_1_when_a_guest_can_not_be_run(hermetic, tmp_path: Path):
    (tmp_path / "file").touch()
    done = hermetic("doctor", env={"HERMETIC_CACHE_DIR": str(tmp_path / "file/cache")})
    assert done.returncode == 1
    assert "hermetic: error[preparation]" in done.stderr


def test_info_lists_what_is_kept(hermetic, cache: Path):
    done = hermetic("cache", "info", env={"HERMETIC_CACHE_DIR": str(cache)})
    total, *entries = done.stdout.splitlines()
    assert re.fullmatch(rf"{re.escape(str(cache))}  [\d.]+ MiB", total)
    assert any("pyodide" in entry for entry in entries)


def test_info_of_no_cache_lists_nothing(hermetic, tmp_path: Path):
    done = hermetic("cache", "info", env={"HERMETIC_CACHE_DIR": str(tmp_path / "none")})
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'none'}  0 B\n")


def test_clear_removes_what_is_kept_and_says_how_much(hermetic, cache: Path):
    environment = {"HERMETIC_CACHE_DIR": str(cache)}
    done = hermetic("cache", "clear", env=environment)
    assert re.match(r"freed [\d.]+ MiB in ", done.stdout)
    assert hermetic("cache", "info", env=environment).stdout.endswith("  0 B\n")


def test_clear_of_no_cache_frees_nothing(hermetic, tmp_path: Path):
    done = hermetic("cache", "clear", env={"HERMETIC_CACHE_DIR": str(tmp_path / "none")})
    assert (done.returncode, done.stdout) == (0, f"freed 0 B in {tmp_path / 'none'}\n")


def test_a_run_after_clear_prepares_again(hermetic, cache: Path):
    environment = {"HERMETIC_CACHE_DIR": str(cache)}
    hermetic("cache", "clear", env=environment)
    assert hermetic("run", "-c", "print(1)", env=environment).stdout == "1\n"


def test_a_damaged_cache_is_rebuilt(hermetic, cache: Path):
    for compiled in cache.rglob("core.cwasm"):
        with compiled.open("r+b") as file:
            file.seek(compiled.stat().st_size // 2)
            file.write(bytes(4096))
            file.seek(0)
            file.write(bytes(4096))
    done = hermetic("run", "-c", "print(1)", env={"HERMETIC_CACHE_DIR": str(cache)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_a_cache_that_lost_a_file_is_rebuilt(hermetic, cache: Path):
    for compiled in cache.rglob("memory.cwasm"):
        compiled.unlink()
    done = hermetic("run", "-c", "print(1)", env={"HERMETIC_CACHE_DIR": str(cache)})
    assert (done.returncode, done.stdout) == (0, "1\n")
