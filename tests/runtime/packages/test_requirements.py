"""Requirements in one normal form, and those that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermetic_runtime.errors import InvalidInput, InvalidScript
from hermetic_runtime.packages.requirements import (
    normal_forms,
    parse_requirement,
    read_requirements_file,
)
from hermetic_runtime.packages.stated_requirement import StatedRequirement


def parse(text: str, *, allow_direct: bool = False) -> str:
    stated = StatedRequirement(text, "--with")
    return str(parse_requirement(stated, allow_direct=allow_direct))


def test_spelling_makes_no_difference_to_the_normal_form() -> None:
    one = [parse_requirement(StatedRequirement(text)) for text in ("Six >=1", "A_b")]
    two = [parse_requirement(StatedRequirement(text)) for text in ("a-B", "six>=1", "a.b")]

    assert normal_forms(one) == normal_forms(two) == ["a-b", "six>=1"]


@pytest.mark.parametrize("text", ["six >= ", "../folder", "", "six; sys_platform = 'x'", "-r file"])
def test_what_is_not_pep_508_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"--with: .* is not a requirement"):
        parse(text)


def test_an_error_in_a_script_is_the_scripts() -> None:
    stated = StatedRequirement("six ==", "line 3", in_script=True)

    with pytest.raises(InvalidScript, match="line 3: 'six ==' is not a requirement"):
        parse_requirement(stated)


@pytest.mark.parametrize(
    "url",
    [
        "git+https://host/project",
        "https://host/project-1.0.tar.gz",
        "file:///wheels/project-1.0-py3-none-any.whl",
        "http://host/project-1.0-py3-none-any.whl",
    ],
)
def test_what_would_be_built_or_comes_from_here_is_refused_always(url: str) -> None:
    with pytest.raises(InvalidInput, match="never done"):
        parse(f"project @ {url}", allow_direct=True)


def test_the_url_of_a_wheel_is_taken_when_allowed() -> None:
    text = "project @ https://host/project-1.0-py3-none-any.whl"

    assert parse(text, allow_direct=True) == text
    with pytest.raises(InvalidInput) as raised:
        parse(text)
    assert "--allow-direct-references" in (raised.value.hint or "")


def test_a_requirements_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("# all\nsix>=1  # why\n\nattrs \\\n  ==25.1 \\\n  --hash=sha256:00\n")

    found = read_requirements_file(path)

    assert [(stated.text.replace(" ", ""), stated.origin) for stated in found] == [
        ("six>=1", f"{path}, line 2"),
        ("attrs==25.1", f"{path}, line 4"),
    ]


@pytest.mark.parametrize("option", ["-r other.txt", "--index-url https://x", "-e .", "-c x"])
def test_options_in_a_requirements_file_are_refused(tmp_path: Path, option: str) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(f"six\n{option}\n")

    with pytest.raises(InvalidInput, match="line 2: options are not supported"):
        read_requirements_file(path)


def test_a_requirements_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="can't be read"):
        read_requirements_file(tmp_path / "none.txt")
