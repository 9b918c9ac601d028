"""`hermetic session` and `hermetic shell`, as commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERMETIC = [sys.executable, "-m", "hermetic"]


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HERMETIC_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def session(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*HERMETIC, "session", *words]
    return subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=cwd
    )


def test_a_session_keeps_its_variables_from_command_to_command() -> None:
    assert session("new", "demo").stdout == "demo\n"
    session("run", "demo", "-c", "x = 41")

    assert session("run", "demo", "-c", "print(x + 1)").stdout == "42\n"


@pytest.mark.parametrize("interpreter", ["pyodide", "wasi"])
def test_a_run_that_makes_the_interpreter_useless_leaves_the_variables_as_they_were(
    interpreter: str,
) -> None:
    session("new", "demo", "--interpreter", interpreter)
    session("run", "demo", "-c", "import builtins, os\nx = 42")

    closed = session("run", "demo", "-c", "os.closerange(0, 100)")
    damaged = session("run", "demo", "-c", "x = 0\nbuiltins.compile = None")

    assert (closed.returncode, closed.stderr) == (0, "")
    assert damaged.returncode == 1
    assert "unable to execute anything more" in damaged.stderr
    assert "the session's variables are as they were before this run" in damaged.stderr
    assert session("run", "demo", "-c", "print(x)").stdout == "42\n"


def test_a_run_may_be_given_as_json() -> None:
    session("new", "demo")

    result = json.loads(session("run", "--json", "demo", "-c", "1 + 1").stdout)

    assert result["value"]["json"] == 2


def test_files_go_in_and_come_out(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("abc")
    session("new", "demo")
    session("put", "demo", "in.txt", cwd=tmp_path)
    session("run", "demo", "-c", "open('out.txt', 'w').write(open('in.txt').read().upper())")

    session("get", "demo", "out.txt", "copy.txt", cwd=tmp_path)

    assert (tmp_path / "copy.txt").read_text() == "ABC"
    assert session("get", "demo", "out.txt").stdout == "ABC"


def test_a_checkpoint_is_restored_and_shown() -> None:
    session("new", "demo")
    session("run", "demo", "-c", "x = 1")
    session("checkpoint", "demo", "first")
    session("run", "demo", "-c", "x = 2")
    session("restore", "demo", "first")

    assert session("run", "demo", "-c", "print(x)").stdout == "1\n"
    assert "checkpoint  first\n" in session("show", "demo").stdout


def test_a_fork_is_another_session() -> None:
    session("new", "demo")
    assert session("fork", "demo", "other").stdout == "other\n"
    session("rm", "demo")

    listed = session("list").stdout.splitlines()

    assert [line.split()[-1] for line in listed] == ["other"]


def test_a_lost_run_says_what_became_of_the_variables() -> None:
    session("new", "demo")

    lost = session("run", "demo", "-c", "import os; os._exit(4)")

    assert lost.returncode == 4
    assert "variables are as they were before" in lost.stderr


def test_a_session_keeps_the_limits_that_it_was_made_with() -> None:
    session("new", "demo", "--timeout", "2", "--memory", "64M")

    assert "2 s a run" in session("show", "demo").stdout
    lost = session("run", "demo", "-c", "bytearray(10**8)")
    assert "more than its 64 MiB of memory" in lost.stderr


def test_a_run_in_a_session_may_have_less_time_than_the_session() -> None:
    session("new", "demo")

    lost = session("run", "--timeout", "0.3", "demo", "-c", "while True: pass")

    assert lost.returncode == 124
    assert "stopped after 300 ms" in lost.stderr


def test_a_run_in_a_session_may_not_have_more_time_than_the_session() -> None:
    session("new", "demo", "--timeout", "2")

    refused = session("run", "--timeout", "3", "demo", "-c", "1")

    assert refused.returncode == 2
    assert "wider than the sandbox's 2" in refused.stderr


def test_an_option_after_the_name_of_a_session_is_explained() -> None:
    session("new", "demo")

    refused = session("run", "demo", "--timeout", "3", "-c", "1")

    assert "hint: Options go before it" in refused.stderr


def test_an_unknown_session_is_one_line() -> None:
    unknown = session("run", "nothing", "-c", "1")

    assert unknown.returncode == 125
    assert unknown.stderr.startswith("hermetic: error[session_not_found]")
