"""Standard streams that are closed, full, or go away; signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from process_lists import await_gone, guest_side_processes

FLOOD = "while True: print('x' * 1000)"
INTERRUPTED = """
import os, runpy, signal, sys
module = sys.argv.pop(1)
class Interrupting:
    def find_spec(self, name, *_):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
runpy.run_module("hermetic", run_name="__main__", alter_sys=True)
"""
"""The command line, with Ctrl-C in the import of a module."""


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
    assert (
        stderr == "hermetic: error[output]: stdout can't be written to: No space left on device\n"
    )


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
    command = [sys.executable, "-c", INTERRUPTED, module, "run", "-c", "while True: pass"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "hermetic: interrupted\n")


def test_sigterm_ends_the_run_and_its_guest(start_hermetic):
    with start_hermetic("run", "-c", "print('ready')\nwhile True: pass") as process:
        process.stdout.readline()
        started = guest_side_processes(process.pid)
        process.terminate()
        assert process.wait() == 143
    assert started
    assert not await_gone(started)
