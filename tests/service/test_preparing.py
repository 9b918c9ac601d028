"""Preparation when something is in its way."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from command_line import COMMAND
from conditions import comes_true


def test_two_processes_that_prepare_at_once_both_run(start_hermetic, tmp_path: Path):
    environment = os.environ | {"HERMETIC_CACHE_DIR": str(tmp_path / "cache")}
    both = [start_hermetic("run", "-c", f"print({number})", env=environment) for number in (1, 2)]

    answers = [process.communicate() for process in both]

    assert answers == [(b"1\n", b""), (b"2\n", b"")]
    prepared = list((tmp_path / "cache/interpreters").glob("*/*"))
    assert [path.name for path in prepared if path.is_dir()] == [prepared[0].name]


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(hermetic, small_disk: Path):
    done = hermetic("run", "-c", "print(1)", env={"HERMETIC_CACHE_DIR": str(small_disk)})

    assert (done.returncode, done.stdout) == (125, "")
    assert "No space left on device" in done.stderr
    assert "HERMETIC_CACHE_DIR" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(small_disk.glob("interpreters/*/*")) == []


def test_a_preparation_that_was_killed_is_made_anew(prepared: None, tmp_path: Path):
    environment = os.environ | {"HERMETIC_CACHE_DIR": str(tmp_path / "cache")}
    command = [*COMMAND, "run", "-c", "print(1)"]
    first = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    cache = tmp_path / "cache"
    assert comes_true(lambda: something_is_unfinished(cache))
    first.send_signal(signal.SIGKILL)
    first.wait()

    done = subprocess.run(command, env=environment, capture_output=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"1\n", b"")
    assert not list((tmp_path / "cache").rglob("*.unfinished"))


def something_is_unfinished(cache: Path) -> bool:
    try:
        return any(cache.rglob("*.unfinished/*"))
    except FileNotFoundError:  # a folder has gone while it was looked into
        return False
