"""`hermetic run` with packages: what it says when they can't be had, and what it keeps."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import COMMAND
from hostile_wheels import leaving_marks
from local_index import LocalIndex
from prepared_interpreters import link_interpreters
from uv import find_uv_bin

PROBE = "import hermetic_probe; print(hermetic_probe.value)"
VERSION = "from importlib.metadata import version; print(version('hermetic-probe'))"


def sets_in(cache: Path) -> list[str]:
    return [path.name for path in cache.glob("sets/[!.]*")]


def damage_cache(uv_cache: Path) -> None:
    """Change the module in uv's cache of wheels."""
    damaged = list(uv_cache.glob("archive-v*/*/hermetic_probe.py"))
    assert damaged
    for module in damaged:
        module.chmod(0o644)
        module.write_text("value = 'damaged'\n")


def assert_one_message(done: subprocess.CompletedProcess[str], said: str) -> None:
    """The run ended before it began, and said why in a line of ours, and no traceback."""
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("hermetic: install_error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("hermetic: ") == 1


def test_packages_for_pyodide_and_for_wasi_run(hermetic):
    pydantic = hermetic("run", "--with", "pydantic>=2", "-c", "import pydantic; print(pydantic)")
    numpy = hermetic("run", "--with", "numpy", "-c", "import numpy as n; print(n.arange(6).sum())")

    assert pydantic.stdout.startswith("<module 'pydantic' from '/lib/python3.14/")
    assert (numpy.returncode, numpy.stdout, numpy.stderr) == (0, "15\n", "")


def test_a_script_and_a_file_say_what_is_needed(hermetic, tmp_path: Path):
    (tmp_path / "needs.txt").write_text("inflection\n")
    (tmp_path / "script.py").write_text(
        "# /// script\n# dependencies = ['iniconfig']\n# ///\n"
        "import inflection, iniconfig\nprint(inflection.pluralize('ox'))\n"
    )

    assert hermetic("run", "--requirements", "needs.txt", "script.py").stdout == "oxen\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reqeusts"], "no package is named reqeusts\nhint: Is it requests?\n"),
        (["docopt"], "pyodide: docopt has no wheel that fits pyodide"),
        (["docopt"], "it is published as source only"),
        (["psutil"], "no interpreter can have psutil"),
        (["psutil"], "wasi: psutil has no wheel that fits wasi"),
        (["six==1.16.0", "six==1.17.0"], "you require six==1.16.0 and six==1.17.0\n"),
        (["numpy<2"], "is built in, which numpy<2 does not allow"),
    ],
)
def test_what_can_not_be_had_is_one_message(hermetic, arguments: list[str], said: str):
    options = [word for requirement in arguments for word in ("--with", requirement)]

    assert_one_message(hermetic("run", *options, "-c", "print(1)"), said)


def test_a_wheel_of_another_content_than_the_index_says_is_one_message(
    hermetic, without_packages: Path, index: LocalIndex
):
    index.publish("hermetic_probe", sha256="0" * 64)

    done = hermetic("run", "--with", "hermetic_probe", "-c", PROBE)

    assert_one_message(done, "is not what was locked: ")
    assert sets_in(without_packages) == []


def test_a_wheel_that_is_damaged_is_one_message(
    hermetic, without_packages: Path, index: LocalIndex
):
    wheel = index.publish("hermetic_probe")
    wheel.write_bytes(wheel.read_bytes()[:200])

    done = hermetic("run", "--with", "hermetic_probe", "-c", PROBE)

    assert_one_message(done, "Invalid zip file structure")
    assert sets_in(without_packages) == []


def test_a_wheel_that_was_damaged_in_uvs_cache_does_not_reach_the_guest(
    hermetic, without_packages: Path, index: LocalIndex, uv_cache: Path
):
    index.publish("hermetic_probe")
    assert hermetic("run", "--with", "hermetic_probe", "-c", PROBE).stdout == "1\n"
    damage_cache(uv_cache)
    shutil.rmtree(without_packages / "sets")

    done = hermetic("run", "--with", "hermetic-probe==1", "-c", PROBE)

    assert (done.returncode, done.stdout) == (0, "1\n")


def test_a_damaged_wheel_is_fetched_again_while_uv_itself_runs_the_command_line(
    hermetic, without_packages: Path, index: LocalIndex, uv_cache: Path
):
    """As in `uv run hermetic`, where uv does not let its cache be cleaned."""
    index.publish("hermetic_probe")
    hermetic("run", "--with", "hermetic_probe", "-c", PROBE)
    damage_cache(uv_cache)
    shutil.rmtree(without_packages / "sets")
    under_uv = [find_uv_bin(), "run", "--no-project", "--python", sys.executable, *COMMAND]

    done = subprocess.run(
        [*under_uv, "run", "--with", "hermetic-probe==1", "-c", PROBE],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_without_a_network_what_is_new_is_one_message(
    hermetic, without_packages: Path, index: LocalIndex
):
    index.publish("hermetic_probe")
    index.close()

    done = hermetic("run", "--with", "hermetic_probe", "-c", PROBE)

    assert_one_message(done, "can't be reached")
    assert done.stderr.endswith("hint: Once installed, packages need no network.\n")


@pytest.mark.parametrize("interpreter", ["pyodide", "wasi"])
def test_without_a_network_what_ran_before_runs(
    hermetic, without_packages: Path, index: LocalIndex, interpreter: str
):
    index.publish("hermetic_probe")
    command = ["run", "--interpreter", interpreter, "--with", "hermetic_probe", "-c", PROBE]
    first = hermetic(*command)
    index.close()

    second = hermetic(*command)

    assert (first.returncode, first.stdout) == (0, "1\n"), first.stderr
    assert (second.returncode, second.stdout, second.stderr) == (0, "1\n", "")


def test_offline_uses_what_is_there_and_asks_for_nothing(
    hermetic, without_packages: Path, index: LocalIndex
):
    index.publish("hermetic_probe")
    command = ["run", "--offline", "--with", "hermetic_probe", "-c", PROBE]
    assert_one_message(hermetic(*command), "can't be reached")

    hermetic("run", "--with", "hermetic_probe", "-c", PROBE)

    assert hermetic(*command).stdout == "1\n"


def test_a_full_disk_is_one_message(
    hermetic, wasi_prepared: None, index: LocalIndex, small_disk: Path
):
    index.publish("hermetic_probe", files={"hermetic_probe.py": b"#" * 20_000_000})
    link_interpreters(small_disk)

    done = hermetic(
        "run", "--with", "hermetic_probe", "-c", PROBE, env={"HERMETIC_CACHE_DIR": str(small_disk)}
    )

    assert_one_message(done, "the disk is full")
    assert sets_in(small_disk) == []


@pytest.mark.parametrize("interpreter", ["pyodide", "wasi"])
def test_nothing_of_a_package_runs_on_the_host(
    hermetic, without_packages: Path, index: LocalIndex, tmp_path: Path, interpreter: str
):
    mark = tmp_path / "mark"
    index.publish("hermetic_probe", files=leaving_marks(mark))
    code = "import os; print(os.listdir()); import hermetic_probe; print(os.listdir())"

    done = hermetic("run", "--interpreter", interpreter, "--with", "hermetic_probe", "-c", code)

    assert done.stdout == "[]\n['mark']\n"
    assert not mark.exists()


def test_a_script_can_not_widen_what_the_command_line_allows(hermetic, tmp_path: Path):
    (tmp_path / "script.py").write_text(
        "# /// script\n# dependencies = ['six']\n"
        "# [tool.hermetic.limits]\n# wall_seconds = 3600\n# ///\nwhile True: pass\n"
    )

    done = hermetic("run", "--timeout", "1", "script.py")

    assert done.returncode == 124
    assert "the run was stopped after 1 s\n" in done.stderr


def test_two_runs_that_want_the_same_at_once_make_it_once(
    start_hermetic, without_packages: Path, index: LocalIndex
):
    index.publish("hermetic_probe")
    command = ["run", "--with", "hermetic_probe", "-c", PROBE]
    both = [start_hermetic(*command) for _ in range(2)]

    answers = [process.communicate() for process in both]

    assert answers == [(b"1\n", b"")] * 2
    assert len(sets_in(without_packages)) == 1
    assert index.requested.count("/simple/hermetic-probe/") == 1


def test_a_version_stays_until_it_is_refreshed(hermetic, without_packages: Path, index: LocalIndex):
    command = ["--with", "hermetic_probe", "-c", VERSION]
    index.publish("hermetic_probe", "1.0")
    first = hermetic("run", *command)
    index.publish("hermetic_probe", "1.1")

    second, refreshed = hermetic("run", *command), hermetic("run", "--refresh", *command)

    assert [done.stdout for done in (first, second, refreshed)] == ["1.0\n", "1.0\n", "1.1\n"]


def test_what_was_published_later_does_not_count(hermetic):
    code = "import six; print(six.__version__)"

    done = hermetic("run", "--exclude-newer", "2021-06-01", "--with", "six", "-c", code)

    assert done.stdout == "1.16.0\n"


def test_a_block_that_is_wrong_ends_with_2_and_its_line(hermetic, tmp_path: Path):
    (tmp_path / "script.py").write_text("x = 1\n# /// script\n# dependencies = [\n# ///\n")

    done = hermetic("run", "script.py")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("hermetic: error[invalid_script]: line ")
    assert "Traceback" not in done.stderr


def test_an_install_error_is_data_too(hermetic):
    done = hermetic("run", "--json", "--with", "reqeusts", "-c", "print(1)")
    result = json.loads(done.stdout)

    assert (result["outcome"], result["exit_code"], done.returncode) == ("install_error", 1, 1)
    assert result["error"]["type"] == "InstallError"
    assert result["error"]["hint"] == "Is it requests?"
