"""`hermetic run`: what goes in, what comes out, and how it ends."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from command_line import RunHermetic, StartHermetic

STANDARD_LIBRARY = (
    "import sqlite3, json, hashlib, zlib, re, decimal, asyncio, dataclasses, datetime; print(6*7)"
)


@pytest.fixture(params=["pyodide", "wasi"])
def interpreter(request: pytest.FixtureRequest, wasi_prepared: None) -> str:
    return request.param


@pytest.fixture
def hermetic(hermetic: RunHermetic, interpreter: str) -> RunHermetic:
    """Every test here runs with both interpreters."""
    return partial(hermetic, "run", "--interpreter", interpreter)


@pytest.fixture
def start_hermetic(start_hermetic: StartHermetic, interpreter: str) -> StartHermetic:
    return partial(start_hermetic, "run", "--interpreter", interpreter)


def test_code_is_run_and_its_output_passed_on(hermetic):
    done = hermetic("-c", "print(6 * 7)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")


def test_the_standard_library_is_there(hermetic):
    assert hermetic("-c", STANDARD_LIBRARY).stdout == "42\n"


def test_a_file_is_run(hermetic, tmp_path: Path):
    (tmp_path / "script.py").write_text("print(__name__, __file__)")
    assert hermetic("script.py").stdout == "__main__ script.py\n"


def test_a_dash_reads_the_source_from_standard_input(hermetic):
    done = hermetic("-", stdin=b"import sys\nprint(1, repr(sys.stdin.read()))")
    assert done.stdout == "1 ''\n"


def test_standard_input_is_the_scripts(hermetic):
    assert hermetic("-c", "print(input()[::-1])", stdin=b"abc").stdout == "cba\n"


def test_large_standard_input_arrives_whole(hermetic):
    code = "import sys; print(len(sys.stdin.buffer.read()))"
    assert hermetic("-c", code, stdin=b"x" * 5_000_000).stdout == "5000000\n"


def test_bytes_pass_through_unchanged(start_hermetic):
    code = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    data = bytes(range(256)) * 1000
    with start_hermetic("-c", code) as process:
        assert process.communicate(data) == (data, b"")


def test_output_streams_while_the_script_runs(start_hermetic):
    code = "print('ready'); input(); print('done')"
    with start_hermetic("-c", code) as process:
        assert process.stdout.readline() == b"ready\n"
        assert process.communicate(b"\n")[0] == b"done\n"


def test_an_unfinished_line_streams_when_it_is_flushed(start_hermetic):
    with start_hermetic("-c", "name = input('name? '); print(name)") as process:
        assert process.stdout.read(6) == b"name? "
        assert process.communicate(b"Ada\n")[0] == b"Ada\n"


def test_the_value_of_the_last_expression_is_not_printed(hermetic):
    assert hermetic("-c", "6 * 7").stdout == ""


def test_a_last_expression_with_a_huge_value_is_no_error(hermetic):
    assert hermetic("-c", "'x' * 10_000_000").returncode == 0


def test_arguments_after_the_file_are_the_scripts(hermetic, tmp_path: Path):
    (tmp_path / "script.py").write_text("import sys; print(sys.argv)")
    done = hermetic("script.py", "a", "--json", "-c", "b")
    assert done.stdout == "['script.py', 'a', '--json', '-c', 'b']\n"


def test_arguments_follow_a_double_dash(hermetic):
    done = hermetic("-c", "import sys; print(sys.argv[1:])", "--", "a", "--b")
    assert done.stdout == "['a', '--b']\n"


def test_environment_variables_are_given_one_by_one(hermetic):
    code = "import os; print(os.environ['A'], os.environ['B'], 'SECRET' in os.environ)"
    done = hermetic("--env", "A=1", "--env", "B=x=y", "-c", code, env={"SECRET": "s"})
    assert done.stdout == "1 x=y False\n"


def test_top_level_await_works(hermetic):
    assert hermetic("-c", "import asyncio; await asyncio.sleep(0); print(1)").stdout == "1\n"


@pytest.mark.parametrize(
    ("code", "status"),
    [("raise SystemExit", 0), ("raise SystemExit(3)", 3), ("import os; os._exit(7)", 7)],
)
def test_the_exit_status_is_the_scripts(hermetic, code: str, status: int):
    assert hermetic("-c", code).returncode == status


def test_a_text_given_to_exit_is_printed(hermetic):
    done = hermetic("-c", "raise SystemExit('so long')")
    assert (done.returncode, done.stderr) == (1, "so long\n")


def test_a_missing_package_is_told_how_to_be_had(hermetic):
    done = hermetic("-c", "import requests")
    assert done.returncode == 1
    *_, python, ours, hint = done.stderr.splitlines()
    assert python == "ModuleNotFoundError: No module named 'requests'"
    assert ours == "hermetic: error: ModuleNotFoundError: No module named 'requests'"
    assert hint.startswith("hint: Packages are there that are named")


def test_a_missing_part_of_the_standard_library_is_no_matter_of_packages(hermetic):
    assert "hint:" not in hermetic("-c", "import curses").stderr


def test_an_exception_is_shown_as_python_shows_it(hermetic, tmp_path: Path):
    (tmp_path / "script.py").write_text("def divide():\n    1 / 0\n\ndivide()\n")
    done = hermetic("script.py")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Traceback (most recent call last):",
        '  File "script.py", line 4, in <module>',
        "    divide()",
        "    ~~~~~~^^",
        '  File "script.py", line 2, in divide',
        "    1 / 0",
        "    ~~^~~",
        "ZeroDivisionError: division by zero",
    ]


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd')",
        "import socket; socket.create_connection(('127.0.0.1', 80), 1)",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.fork()",
        "import js",
    ],
)
def test_what_is_not_there_gives_ordinary_python_errors(hermetic, code: str):
    done = hermetic("-c", code)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert "hermetic" not in done.stderr


class TestJSON:
    def test_the_result_is_one_object_on_standard_output(self, hermetic):
        result = json.loads(hermetic("--json", "-c", "x = 20\nx + 1").stdout)
        assert (result["outcome"], result["value"]["json"]) == ("ok", 21)

    def test_output_is_in_the_object_and_not_streamed(self, hermetic):
        code = "import sys; print('out'); print('err', file=sys.stderr)"
        done = hermetic("--json", "-c", code)
        result = json.loads(done.stdout)
        assert result["stdout"] == {"text": "out\n", "truncated": False}
        assert result["stderr"] == {"text": "err\n", "truncated": False}
        assert done.stderr == ""

    def test_the_exit_status_is_the_scripts_with_json_too(self, hermetic):
        done = hermetic("--json", "-c", "raise SystemExit(3)")
        assert (done.returncode, json.loads(done.stdout)["exit_code"]) == (3, 3)

    def test_an_exception_is_data(self, hermetic):
        error = json.loads(hermetic("--json", "-c", "1 / 0").stdout)["error"]
        assert (error["type"], error["message"]) == ("ZeroDivisionError", "division by zero")

    def test_text_that_is_not_ascii_survives_json(self, hermetic):
        code = "print('\\udc80'.encode('utf-8', 'surrogateescape').decode('latin-1'), 'ü€')\n'€'"
        result = json.loads(hermetic("--json", "-c", code).stdout)
        assert result["value"]["json"] == "€"


class TestLimits:
    def test_a_timeout_ends_with_124_and_says_so(self, hermetic):
        done = hermetic("--timeout", "2", "-c", "print('before')\nwhile True: pass")
        assert (done.returncode, done.stdout) == (124, "before\n")
        assert "hermetic: timeout: the run was stopped after 2 s\n" in done.stderr
        assert "hint: --timeout SECONDS changes this limit.\n" in done.stderr

    def test_sleeping_ends_at_the_timeout(self, hermetic):
        done = hermetic("--timeout", "0.5", "-c", "import time; time.sleep(600)")
        assert done.returncode == 124

    def test_processor_time_has_its_own_message(self, hermetic):
        done = hermetic("--cpu", "0.5", "-c", "while True: pass")
        assert done.returncode == 124
        assert "the run was stopped after 500 ms of processor time" in done.stderr

    def test_running_out_of_memory_ends_with_137_and_says_so(self, hermetic):
        done = hermetic("--memory", "64M", "-c", "b = bytearray(10**9)")
        assert done.returncode == 137
        assert "MemoryError" in done.stderr
        assert "hermetic: memory: the guest asked for more than its 64 MiB" in done.stderr

    def test_a_memory_error_that_is_caught_is_no_outcome(self, hermetic):
        code = "try:\n    bytearray(10**9)\nexcept MemoryError:\n    print('caught')"
        done = hermetic("--memory", "64M", "-c", code)
        assert (done.returncode, done.stdout, done.stderr) == (0, "caught\n", "")

    def test_output_past_its_limit_ends_the_run(self, hermetic):
        done = hermetic("--output", "1K", "-c", "while True: print('x' * 99)")
        assert (done.returncode, len(done.stdout)) == (1, 1024)
        assert "hermetic: output: the run wrote more than 1 KiB" in done.stderr

    def test_files_past_their_limit_end_the_run(self, hermetic):
        done = hermetic("--disk", "1M", "-c", "open('big', 'wb').write(bytes(2_000_000))")
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "hermetic: disk: the guest's files would have taken more than 1 MiB" in done.stderr

    def test_deep_recursion_is_an_ordinary_error(self, hermetic):
        done = hermetic("-c", "def f(): f()\nf()")
        assert done.returncode == 1
        assert "RecursionError" in done.stderr


class TestMounts:
    def test_a_mounted_folder_can_be_read(self, hermetic, tmp_path: Path):
        (tmp_path / "data").mkdir()
        (tmp_path / "data/a.txt").write_text("hello")
        done = hermetic("--mount", "data:/data", "-c", "print(open('/data/a.txt').read())")
        assert done.stdout == "hello\n"

    def test_a_mounted_folder_can_not_be_written_to(self, hermetic, tmp_path: Path):
        (tmp_path / "data").mkdir()
        done = hermetic("--mount", "data:/data", "-c", "open('/data/a.txt', 'w')")
        assert "Read-only file system" in done.stderr
        assert list((tmp_path / "data").iterdir()) == []

    def test_changes_come_back_from_a_writable_folder(self, hermetic, tmp_path: Path):
        (tmp_path / "out").mkdir()
        code = "open('/out/report.txt', 'w').write('done')"
        done = hermetic("--mount", "out:/out:rw", "-c", code)
        assert done.returncode == 0
        assert (tmp_path / "out/report.txt").read_text() == "done"

    def test_a_link_does_not_lead_out(self, hermetic, tmp_path: Path):
        (tmp_path / "secret").write_text("secret")
        (tmp_path / "data").mkdir()
        (tmp_path / "data/link").symlink_to(tmp_path / "secret")
        done = hermetic("--mount", "data:/data", "-c", "print(open('/data/link').read())")
        assert "FileNotFoundError" in done.stderr


def test_shared_isolation_gives_the_same_output(hermetic):
    assert hermetic("--isolation", "shared", "-c", "print(6 * 7)").stdout == "42\n"
