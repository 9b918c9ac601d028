"""Standard streams that are closed, full, or go away; signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import COMMAND

FLOOD = "while True: print('x' * 1000)"


def test_a_reader_that_goes_away_ends_the_run_quietly(start_hermetic):
    with start_hermetic("run", "-c", FLOOD) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_help_into_a_closed_pipe_is_quiet(start_hermetic):
    read, write = os.pipe()
    os.close(read)
    with start_hermetic("run", "--help", stdout=write) as process:
        os.close(write)
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_full_disk_behind_standard_output_is_named(start_hermetic):
    with (
        Path("/dev/full").open("wb") as full,
        start_hermetic("run", "-c", "print(1)", stdout=full) as process,
    ):
        stderr = process.stderr.read().decode()
    assert process.returncode == 125
    assert stderr == "hermetic: error[output]: can't write to stdout: No space left on device\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_do_no_harm(prepared, closed: str):
    code = "import sys; sys.stdin.read(); print(1); print(2, file=sys.stderr)"
    command = f'"$PYTHON" -m hermetic run -c "$CODE" {closed}'
    environment = os.environ | {"PYTHON": sys.executable, "CODE": code}
    assert subprocess.run(["sh", "-c", command], env=environment, check=False).returncode == 0


def test_ctrl_c_ends_the_run_with_130_and_one_line(start_hermetic):
    with start_hermetic("run", "-c", "print('ready', flush=True)\nwhile True: pass") as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()
    assert process.returncode == 130
    assert stderr.decode().splitlines()[-1] == "hermetic: interrupted"
    assert b"hermetic/cli" not in stderr


def test_ctrl_c_wakes_a_script_that_waits_for_input(start_hermetic):
    with start_hermetic("run", "-c", "print('ready')\ninput()") as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130


def test_a_script_that_ignores_ctrl_c_is_ended_all_the_same(start_hermetic):
    code = """
print('ready')
while True:
    try:
        while True: pass
    except KeyboardInterrupt:
        pass
"""
    with start_hermetic("run", "-c", code) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130


@pytest.mark.parametrize(
    "module", ["hermetic.cli.arguments", "hermetic_runtime.limits", "hermetic_runtime.sandbox"]
)
def test_ctrl_c_while_starting_ends_as_any_other(prepared, module: str):
    command = [sys.executable, "-X", "importtime", *COMMAND[1:], "run", "-c", "while True: pass"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.rpartition("|")[2].strip() == module:
                process.send_signal(signal.SIGINT)
                break
        said = [line for line in process.stderr if not line.startswith("import time:")]
    assert (process.returncode, said) == (130, ["hermetic: interrupted\n"])


def test_sigterm_ends_the_run_and_its_guest(start_hermetic):
    with start_hermetic("run", "-c", "print('ready')\nwhile True: pass") as process:
        process.stdout.readline()
        children = descendants(process.pid)
        process.terminate()
        assert process.wait() == 143
    assert children
    assert not [pid for pid in children if is_running(pid)]


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in map(int, children) for found in (child, *descendants(child))]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
