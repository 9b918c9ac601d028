"""What the command line refuses, in one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "error[usage]: say what to do"),
        (["walk"], "error[usage]: argument COMMAND: invalid choice: 'walk'"),
        (["run"], "error[usage]: nothing to run"),
        (["run", "--json"], "error[usage]: nothing to run"),
        (["run", "--"], "error[usage]: nothing to run"),
        (["run", "-c"], "error[usage]: argument -c: expected one argument"),
        (["run", "--bogus", "-c", "1"], "error[usage]: unrecognized arguments: --bogus"),
        (["run", "--time", "1", "-c", "1"], "error[usage]: unrecognized arguments: --time"),
        (["run", "missing.py"], "'missing.py' can't be read: No such file or directory"),
        (["run", "."], "'.' can't be read: Is a directory"),
        (["run", "--timeout", "soon", "-c", "1"], "'soon' is not a number of seconds"),
        (["run", "--timeout", "0", "-c", "1"], "limit wall_seconds is 0.0, outside"),
        (["run", "--timeout", "inf", "-c", "1"], "limit wall_seconds must be a number"),
        (["run", "--memory", "1M", "-c", "1"], "limit memory_bytes is 1,048,576, outside"),
        (["run", "--memory", "lots", "-c", "1"], "'lots' is not a size"),
        (["run", "--memory", "-1", "-c", "1"], "argument --memory"),
        (["run", "--env", "NAME", "-c", "1"], "--env 'NAME' is not a name and its value"),
        (["run", "--env", "=value", "-c", "1"], "--env '=value' is not a name and its value"),
        (["run", "--mount", "missing:/data", "-c", "1"], "missing"),
        (["run", "--mount", ".:relative", "-c", "1"], "relative"),
        (["run", "--mount", ".:/data:rx", "-c", "1"], ".:/data:rx"),
        (["run", "--mount", ".", "-c", "1"], "error["),
        (["run", "--mount", ".:/", "-c", "1"], "error["),
        (["run", "--mount", ".:/a", "--mount", ".:/a", "-c", "1"], "/a"),
        (["run", "--isolation", "none", "-c", "1"], "invalid choice: 'none'"),
        (["cache"], "error[usage]: the following arguments are required: ACTION"),
        (["cache", "burn"], "invalid choice: 'burn'"),
    ],
)
def test_misuse_ends_with_2_and_one_clear_line(hermetic, arguments: list[str], said: str):
    done = hermetic(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    first, *hints = done.stderr.splitlines()
    assert first.startswith("hermetic: error[")
    assert said in first
    assert all(line.startswith("hint: ") for line in hints)


def test_a_source_of_100_megabytes_is_refused(hermetic, tmp_path: Path):
    with (tmp_path / "huge.py").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    done = hermetic("run", "huge.py")
    assert done.returncode == 2
    assert "huge.py is larger than the 8 MiB that a source may have" in done.stderr


def test_an_endless_source_is_refused(hermetic):
    assert "/dev/zero is larger than" in hermetic("run", "/dev/zero").stderr


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"print('unfinished\n", "SyntaxError: unterminated string literal"),
        (b"if True:\nprint(1)\n", "IndentationError: expected an indented block"),
        (b"print(1)\0", "SyntaxError: source code string cannot contain null bytes"),
        (b"# caf\xe9\n", "SyntaxError"),
        (b"# coding: klingon\n", "SyntaxError: unknown encoding: klingon"),
    ],
)
def test_a_source_that_does_not_compile_is_the_scripts_own_error(
    hermetic, tmp_path: Path, source: bytes, said: str
):
    (tmp_path / "script.py").write_bytes(source)
    done = hermetic("run", "script.py")
    assert done.returncode == 1
    assert said in done.stderr
    assert "hermetic" not in done.stderr


def test_a_syntax_error_is_shown_with_its_place(hermetic, tmp_path: Path):
    (tmp_path / "script.py").write_text("x = 1\nprint(x x)\n")
    assert hermetic("run", "script.py").stderr.splitlines() == [
        '  File "script.py", line 2',
        "    print(x x)",
        "          ^^^",
        "SyntaxError: invalid syntax. Perhaps you forgot a comma?",
    ]


def test_a_declared_encoding_is_honoured(hermetic, tmp_path: Path):
    (tmp_path / "script.py").write_bytes(b"# coding: latin-1\nprint('caf\xe9')\n")
    assert hermetic("run", "script.py").stdout == "café\n"


def test_code_that_is_not_utf8_is_the_scripts_own_error(start_hermetic):
    with start_hermetic("run", "-c", b"# \xff".decode("utf-8", "surrogateescape")) as process:
        _, stderr = process.communicate()
    assert process.returncode == 1
    assert b"SyntaxError" in stderr


def test_a_cache_folder_that_can_not_be_made_is_named(hermetic, tmp_path: Path):
    (tmp_path / "file").touch()
    done = hermetic("run", "-c", "1", env={"HERMETIC_CACHE_DIR": str(tmp_path / "file/cache")})
    assert done.returncode == 125
    assert "hermetic: error[preparation]: " in done.stderr
    assert str(tmp_path / "file/cache") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cache_folder_that_others_can_write_to_is_refused(hermetic, tmp_path: Path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    done = hermetic("run", "-c", "1", env={"HERMETIC_CACHE_DIR": str(tmp_path / "cache")})
    assert done.returncode == 125
    assert "can be written to by others" in done.stderr
