"""What the documents state and the code decides must be the same."""

from __future__ import annotations

import re
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from hermetic.cli import exit_status
from hermetic.cli.quantities import parse_size
from hermetic_runtime import errors
from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.limits import Limits
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult
from hermetic_runtime.sandbox import run

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def table_rows(document: str, first_cell: str) -> list[list[str]]:
    """The cells of each row of the table whose header starts with `first_cell`."""
    _, found, rest = (DOCS / document).read_text().partition(f"| {first_cell} |")
    assert found, f"{document} has no table {first_cell}"
    _header, _line, *rows = rest.partition("\n\n")[0].splitlines()
    return [[cell.strip().strip("`") for cell in row.strip("|").split(" | ")] for row in rows]


def number(text: str) -> float:
    if text.endswith("B"):
        return parse_size(text.replace(" ", ""))
    return float(eval(text.removesuffix(" s").replace(",", "").replace("^", "**")))


LIMITS = table_rows("limits.md", "field of `Limits`")


def test_every_limit_is_documented():
    assert [row[0] for row in LIMITS] == [field.name for field in fields(Limits)]


@pytest.mark.parametrize("row", LIMITS, ids=lambda row: row[0])
def test_documented_defaults_are_the_real_ones(row: list[str]):
    name, default, *_ = row
    assert getattr(Limits(), name) == (None if default == "unmetered" else number(default))


@pytest.mark.parametrize("row", LIMITS, ids=lambda row: row[0])
def test_documented_ranges_are_the_real_ones(row: list[str]):
    name, _, least, most, _ = row
    for text in (least, most):
        bound = number(text)
        within: dict[str, Any] = {name: bound if name.endswith("_seconds") else int(bound)}
        Limits(**within)
    whole = not name.endswith("_seconds")
    for outside in (number(least) - (1 if whole else 0.0001), number(most) + 1024):
        beyond: dict[str, Any] = {name: int(outside) if whole else outside}
        with pytest.raises(InvalidInput):
            Limits(**beyond)


def test_every_field_of_a_result_is_documented():
    text = (DOCS / "library.md").read_text()
    for field in fields(RunResult):
        assert f"`{field.name}`" in text


def test_every_outcome_is_documented():
    text = (DOCS / "library.md").read_text()
    for outcome in Outcome:
        assert f"`{outcome.value}`" in text


def test_documented_error_codes_are_the_real_ones():
    for name, code, _ in table_rows("library.md", "class"):
        assert getattr(errors, name).code == code.strip("`")


def test_every_error_of_the_library_is_documented():
    documented = {name for name, *_ in table_rows("library.md", "class")}
    assert documented == {*errors.__all__} - {"HermeticError"}


def test_every_parameter_of_run_is_documented():
    documented = [name for name, _ in table_rows("library.md", "parameter")]
    assert sorted(documented) == sorted(signature(run).parameters)


def test_documented_exit_statuses_are_the_real_ones():
    documented = {cell for cell, *_ in table_rows("cli.md", "status")}
    ours = {str(value) for name, value in vars(exit_status).items() if name.isupper()}
    assert ours <= documented


def test_every_document_that_is_linked_exists():
    for document in [*ROOT.glob("*.md"), *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_ci_runs_the_test_command_of_the_readme():
    [command] = re.findall(r"^    (.*uv run pytest)$", (ROOT / "README.md").read_text(), re.M)
    assert command in (ROOT / ".ci/run").read_text()
