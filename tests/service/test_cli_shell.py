"""`hermetic shell` at a terminal, with each interpreter."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from command_line import COMMAND
from shell_terminal import shell

PROMPT = b">>> "
MORE = b"... "
END = b"\x04"
UP = b"\x1b[A"


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HERMETIC_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("INPUTRC", "/dev/null")
    return tmp_path / "state"


@pytest.fixture(params=["pyodide", "wasi"])
def interpreter(request: pytest.FixtureRequest) -> str:
    request.getfixturevalue("prepared" if request.param == "pyodide" else "wasi_prepared")
    return request.param


def run_in(session: str, code: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "session", "run", session, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_names_attributes_and_builtins_are_completed(interpreter: str) -> None:
    with shell("--interpreter", interpreter) as terminal:
        terminal.send(b"abcdefgh = 'x'\n")
        terminal.expect(PROMPT)
        terminal.send(b"abcde\t * 2\n")
        terminal.expect(b"'xx'")
        terminal.expect(PROMPT)
        terminal.send(b"abcdefgh.isalp\t()\n")
        terminal.expect(b"True")
        terminal.expect(PROMPT)
        terminal.send(b"sorte\t([2, 1])\n")
        terminal.expect(b"[1, 2]")
        terminal.expect(PROMPT)
        terminal.send(END)
        assert terminal.end() == 0


def test_tab_at_the_start_of_a_line_indents(interpreter: str) -> None:
    with shell("--interpreter", interpreter) as terminal:
        terminal.send(b"if True:\n")
        terminal.expect(MORE)
        terminal.send(b"\tprint('in' + 'dented')\n")
        terminal.expect(MORE)
        terminal.send(b"\n")
        terminal.expect(b"indented")
        terminal.expect(PROMPT)
        terminal.send(END)
        assert terminal.end() == 0


def test_an_interrupt_ends_the_run_and_not_the_shell(interpreter: str) -> None:
    with shell("--interpreter", interpreter) as terminal:
        terminal.send(b"number = 20\n")
        terminal.expect(PROMPT)
        terminal.send(b"exec(\"print('be' + 'gun')\\nwhile True: pass\")\n")
        terminal.expect(b"begun")
        terminal.send(b"\x03")
        terminal.expect(b"interrupted")
        terminal.expect(PROMPT)
        terminal.send(b"number + 2\n")
        terminal.expect(b"22")
        terminal.expect(PROMPT)
        terminal.send(END)
        assert terminal.end() == 0


def test_a_session_goes_on_after_its_shell_was_killed(interpreter: str) -> None:
    with shell("--interpreter", interpreter, "work") as terminal:
        terminal.send(b"number = 41\n")
        terminal.expect(PROMPT)
        terminal.kill()
        terminal.end()

    done = run_in("work", "print(number + 1)")

    assert (done.returncode, done.stdout) == (0, "42\n")


def test_what_was_typed_is_there_in_the_next_shell_even_after_a_kill() -> None:
    with shell("work") as terminal:
        terminal.send(b"print('re' + 'called')\n")
        terminal.expect(b"recalled")
        terminal.expect(PROMPT)
        terminal.kill()
        terminal.end()

    with shell("work") as terminal:
        terminal.send(UP + b"\n")
        terminal.expect(b"\nrecalled")
        terminal.expect(PROMPT)
        terminal.send(END)
        assert terminal.end() == 0


def test_two_shells_both_keep_what_was_typed_in_them(state_directory: Path) -> None:
    with shell("one") as one, shell("two") as two:
        one.send(b"'first'\n")
        one.expect(PROMPT)
        two.send(b"'second'\n")
        two.expect(PROMPT)
        for terminal in (two, one):
            terminal.send(END)
            assert terminal.end() == 0

    kept = (state_directory / "shell-history").read_text().splitlines()
    assert [line for line in kept if line.startswith("'")] == ["'first'", "'second'"]


def test_a_session_that_a_shell_has_open_is_busy_for_others() -> None:
    with shell("work") as terminal:
        terminal.send(b"number = 1\n")
        terminal.expect(PROMPT)

        refused = run_in("work", "number = 2")

        assert refused.returncode == 125
        assert refused.stderr.startswith("hermetic: error[session_busy]")
        terminal.send(b"number\n")
        terminal.expect(b"\r\n1\r\n")
        terminal.expect(PROMPT)
        terminal.send(END)
        assert terminal.end() == 0


def test_two_commands_in_one_session_take_turns() -> None:
    subprocess.run([*COMMAND, "session", "new", "work"], check=True, capture_output=True)
    assert run_in("work", "runs = []").returncode == 0
    command = [*COMMAND, "session", "run", "work", "-c", "runs.append(1)"]

    both = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for _ in range(2)]

    assert [process.wait() for process in both] == [0, 0]
    assert run_in("work", "print(len(runs))").stdout == "2\n"
