"""docs/policy.md says what the code does."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
import yaml
from judged_calls import policy

from hermetic.policy.cases import CaseTable
from hermetic.policy.conditions import ROOTS
from hermetic.policy.document import Packages, Rule, Sandbox, Sessions
from hermetic.policy.facts import CODE_FACTS, GRANT_FACTS, TIME_FACTS
from hermetic.policy.operators import OPERATORS
from hermetic.policy.profiles import BUILT_IN
from hermetic.policy.spending import SPENDS

DOCUMENT = (Path(__file__).parents[3] / "docs/policy.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\b[^\n]*\n(.*?)^```", DOCUMENT, re.M | re.S)


def test_the_policy_in_one_look_is_a_policy():
    policy(blocks("yaml")[0])


def test_the_rule_that_counts_an_argument_is_a_rule():
    rules = textwrap.indent(blocks("yaml")[2], "      ")
    policy(f'version: "1"\ntools:\n  charge:\n    rules:\n{rules}')


def test_the_part_with_grants_is_part_of_a_policy():
    policy(f'version: "1"\ndefault: allow\n{blocks("yaml")[3]}')


def test_the_table_of_cases_is_a_table_of_cases():
    CaseTable.model_validate(yaml.safe_load(blocks("yaml")[4]))


def test_the_program_of_the_document_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "policy.yaml").write_text(blocks("yaml")[0])
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[0], "<document>", "exec"), {})


@pytest.mark.parametrize(
    "name",
    [
        *OPERATORS,
        *SPENDS,
        *BUILT_IN,
        *(f"{root}." for root in ROOTS),
        *(f"code.{fact}" for fact in CODE_FACTS),
        *(f"grant.{fact}" for fact in GRANT_FACTS),
        *TIME_FACTS,
        *(field.alias or name for name, field in Rule.model_fields.items()),
        *Sandbox.model_fields,
        *(f"packages.{name}" for name in Packages.model_fields),
        *Sessions.model_fields,
    ],
)
def test_what_the_language_has_is_documented(name: str):
    assert re.search(rf"`[^`]*\b{re.escape(name)}", DOCUMENT) or f"`{name}`" in DOCUMENT
