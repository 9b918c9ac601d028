"""Test suites of real packages run in guests, as docs/compatibility.md says."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/package_suites"


@pytest.mark.slow  # it downloads
def test_the_suite_of_a_package_passes_in_a_guest(prepared: None):
    command = [sys.executable, SCRIPT, "more-itertools", "--files", "test_recipes"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    _, interpreter, passed, failed, lost, *_ = printed.splitlines()[0].split(" | ")
    assert (interpreter, failed, lost) == ("`pyodide`", "0", "0")
    assert int(passed) > 100


def test_a_suite_that_is_not_there_is_refused_with_those_that_are():
    done = subprocess.run(
        [sys.executable, SCRIPT, "more-intertools"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no suite is named more-intertools; there are attrs" in done.stderr


def test_the_page_has_every_suite_in_its_version():
    page = (ROOT / "docs/compatibility.md").read_text()
    for package, suite in tomllib.loads((SCRIPT / "suites.toml").read_text()).items():
        assert f"| {package} {suite['version']} | `{suite['interpreter']}` |" in page
