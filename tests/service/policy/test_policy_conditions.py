"""What conditions hold over, and what they see of a call."""

from __future__ import annotations

from typing import Any

import pytest
from judged_calls import allows, call, tool_policy


def condition(path: str, op: str, value: str) -> str:
    return f"rules: [{{conditions: [{{path: {path}, op: {op}, value: {value}}}]}}]"


@pytest.mark.parametrize(
    ("op", "value", "holds", "fails"),
    [
        ("eq", "main", ["main"], ["Main", 1, None]),
        ("eq", "1", [1, 1.0], [True, "1", 2]),
        ("eq", "true", [True], [1, "true"]),
        ("eq", "[1, {a: b}]", [[1, {"a": "b"}]], [[1, {"a": "c"}], [1], {"a": "b"}]),
        ("neq", "draft", ["main", 1], ["draft"]),
        ("in", "[usd, eur]", ["usd", ["usd"], ["usd", "eur"], []], ["gbp", ["usd", "gbp"], 1]),
        ("not_in", "[admin]", ["me", ["me"], []], ["admin", ["me", "admin"]]),
        ("lt", "10", [9, 9.9, -1], [10, "9", True, None]),
        ("lte", "10", [10, 10.0], [10.1]),
        ("gt", "10", [11, 10**400], [10]),
        ("gte", "10", [10], [9.99]),
        ("regex", "'^feat/'", ["feat/x"], ["a feat/x", 1, ["feat/x"]]),
        ("contains", "test", ["a test", ["test"]], ["tes", ["tests"], {"test": 1}]),
        ("contains", "1", [[1, 2]], ["1", ["1"], [True]]),
        ("exists", "true", [0, "", []], [None]),
    ],
)
def test_an_operator_holds_for_some_values_and_fails_for_others(
    op: str, value: str, holds: list[Any], fails: list[Any]
):
    rules = tool_policy(condition("args.x", op, value))
    assert [x for x in holds if not allows(rules, call(x=x))] == []
    assert [x for x in fails if allows(rules, call(x=x))] == []


@pytest.mark.parametrize("op", ["eq", "neq", "not_in", "lt", "contains"])
def test_no_condition_holds_over_what_is_absent(op: str):
    value = "[a]" if op == "not_in" else "1"
    assert not allows(tool_policy(condition("args.x", op, value)), call())


def test_exists_false_holds_over_what_is_absent_or_null():
    rules = tool_policy(condition("args.x", "exists", "false"))
    assert allows(rules, call())
    assert allows(rules, call(x=None))
    assert not allows(rules, call(x=0))


def test_a_path_goes_into_objects_and_lists():
    rules = tool_policy(condition("args.a.b.1", "eq", "yes"))
    assert allows(rules, call(a={"b": ["no", "yes"]}))
    assert not allows(rules, call(a={"b": ["no"]}))
    assert not allows(rules, call(a="text"))


def test_words_that_old_yaml_took_for_booleans_are_texts():
    assert allows(tool_policy(condition("args.x", "in", "[yes, on, off]")), call(x="on"))


def test_conditions_see_the_size_of_code_in_bytes():
    rules = tool_policy(condition("code.bytes", "lte", "4"))
    assert allows(rules, call(code="éé"))
    assert not allows(rules, call(code="éé1"))


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("import os.path as p, sys", ["os", "sys"]),
        ("def f():\n    from a.b import c", ["a"]),
        ("from . import x", []),
        ("'import re'", []),
        ("x = 1\nimport json; import re\n???", ["json", "re"]),
        ("import os\n" + "#" * 300_000, ["os"]),
    ],
)
def test_conditions_see_the_modules_that_code_imports(code: str, modules: list[str]):
    rules = tool_policy(condition("code.imports", "eq", str(modules)))
    assert allows(rules, call(code=code))


def test_conditions_see_the_packages_that_are_asked_for_by_their_normal_names():
    block = "# /// script\n# dependencies = ['Pillow>=10']\n# ///\n"
    rules = tool_policy(condition("code.requirements", "eq", "[my-pkg, pillow]"))
    assert allows(rules, call(code=block, requirements=["My_Pkg[x]>=1 ; python_version > '3'"]))


def test_a_requirement_that_is_none_is_not_overlooked():
    rules = tool_policy(condition("code.requirements", "in", "[numpy]"))
    assert allows(rules, call(code="", requirements=["numpy"]))
    assert not allows(rules, call(code="", requirements=["numpy", "!!!"]))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("grant.name", "ci"),
        ("grant.id", "'0123456789ab'"),
        ("grant.limits.wall_seconds", "60"),
        ("time.hour", "12"),
        ("time.weekday", "saturday"),
        ("time.date", "'2026-11-21'"),
        ("time.year", "2026"),
        ("time.unix", "1795262400"),
    ],
)
def test_conditions_see_grant_and_time(path: str, value: str):
    assert allows(tool_policy(condition(path, "eq", value)), call())


def test_a_limit_that_a_grant_has_not_is_absent():
    assert allows(tool_policy(condition("grant.limits.fuel", "exists", "false")), call())
