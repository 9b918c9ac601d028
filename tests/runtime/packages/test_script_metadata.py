"""What a script may say of itself, and errors with the line that they stand in."""

from __future__ import annotations

import pytest

from hermetic_runtime.errors import InvalidInput, InvalidScript
from hermetic_runtime.limits import Limits
from hermetic_runtime.packages.asking import package_request
from hermetic_runtime.packages.script_metadata import ScriptMetadata, read_script_metadata
from hermetic_runtime.packages.settings import PackageSettings


def script(*lines: str) -> str:
    return "".join(f"{line}\n" for line in ("import os", "# /// script", *lines, "# ///"))


def metadata(*lines: str) -> ScriptMetadata:
    found = read_script_metadata(script(*(f"# {line}" for line in lines)))
    assert found is not None
    return found


def test_requirements_carry_the_line_they_stand_in() -> None:
    found = metadata("dependencies = [", '  "six",', '  "attrs>=20",', "]")

    assert [(stated.text, stated.origin) for stated in found.requirements] == [
        ("six", "line 4"),
        ("attrs>=20", "line 5"),
    ]


def test_hermetics_own_table_is_read() -> None:
    found = metadata(
        "[tool.hermetic]",
        'interpreter = "wasi"',
        'preload = ["json", "os.path"]',
        "limits = { wall_seconds = 2.5, files = 7 }",
    )

    assert found.interpreter == "wasi"
    assert found.preload == ("json", "os.path")
    assert found.limits == {"wall_seconds": 2.5, "files": 7}


def test_limits_only_ever_narrow() -> None:
    found = metadata("[tool.hermetic.limits]", "wall_seconds = 100", "files = 7", "fuel = 5")

    narrowed = found.narrow(Limits(wall_seconds=3, files=100))

    assert (narrowed.wall_seconds, narrowed.files, narrowed.fuel) == (3, 7, 5)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a = = 1"], "line 3: the metadata is not TOML"),
        (["a = ["], "line 3: the metadata is not TOML"),
        (["dependancies = []"], "line 3: unknown key dependancies"),
        (["dependencies = 'six'"], "line 3: dependencies must be a list of strings"),
        (["", "dependencies = [1]"], "line 4: dependencies must be a list of strings"),
        (["requires-python = 3"], "line 3: requires-python must be a string"),
        (["tool = 3"], "line 3: tool must be a table"),
        (["[tool.hermetic]", "speed = 1"], "line 4: unknown key tool.hermetic.speed"),
        (["[tool.hermetic]", "interpreter = 'pypy'"], "line 4: tool.hermetic.interpreter"),
        (["[tool.hermetic]", "preload = ['a b']"], "line 4: .*not the name of a module"),
        (["[tool.hermetic.limits]", "wall = 1"], "line 4: unknown key tool.hermetic.limits.wall"),
        (["[tool.hermetic.limits]", "files = -1"], "line 4: limit files is -1"),
        (["[tool.uv]", "sources = {}"], "line 3: tool.uv.sources is not supported"),
        (["[tool.uv]", "index-url = 'file:///x'"], "line 3: tool.uv.index-url must be"),
        (["[tool.uv]", "exclude-newer = 'soon'"], "line 3: exclude-newer must be"),
    ],
)
def test_errors_say_in_which_line(lines: list[str], message: str) -> None:
    with pytest.raises(InvalidScript, match=message):
        metadata(*lines)


def test_a_number_with_more_digits_than_python_reads_is_an_error() -> None:
    with pytest.raises(InvalidScript, match="the metadata is not TOML"):
        metadata(f"x = {'9' * 5000}")


def test_other_tools_tables_are_nobodys_business() -> None:
    assert metadata("[tool.other]", "a = 1").requirements == ()


def test_indexes_of_a_script_are_read_and_refused_unless_allowed() -> None:
    asked = metadata("[tool.uv]", "index-url = 'https://packages.example/simple'").indexes

    assert PackageSettings(allow_script_index=True).script_indexes(asked) == asked
    with pytest.raises(InvalidInput) as raised:
        PackageSettings().script_indexes(asked)
    assert raised.value.hint is not None
    assert "--allow-script-index" in raised.value.hint


def test_the_callers_interpreter_comes_before_the_scripts() -> None:
    found = metadata("[tool.hermetic]", 'interpreter = "wasi"')

    assert package_request(found).interpreter == "wasi"
    assert package_request(found, interpreter="pyodide").interpreter == "pyodide"
    assert package_request(None).is_empty()
