"""The names that `hermetic` itself offers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

import hermetic
from hermetic import Limits, Outcome, Sandbox, run, run_async


def test_every_public_name_is_there() -> None:
    assert all(hasattr(hermetic, name) for name in hermetic.__all__)
    assert set(hermetic.__all__) <= set(dir(hermetic))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hermetic.nothing  # type: ignore[attr-defined]


def test_importing_hermetic_imports_nothing_else_of_ours() -> None:
    code = "import hermetic, sys; print(*[n for n in sys.modules if n.startswith('hermetic_')])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


def test_a_run_is_one_call() -> None:
    result = run("x = 20\nx + 1")

    assert result.ok
    assert result.value is not None
    assert result.value.json == 21


def test_a_sandbox_keeps_its_interpreter() -> None:
    with Sandbox(limits=Limits(wall_seconds=10)) as sandbox:
        sandbox.run("import math; r = 2")

        assert sandbox.run("print(round(math.pi * r**2, 2))").stdout.text == "12.57\n"


def test_a_run_can_be_awaited() -> None:
    assert asyncio.run(run_async("1 / 0")).outcome is Outcome.ERROR


def test_a_result_is_json() -> None:
    assert json.loads(json.dumps(run("[1]").to_dict()))["outcome"] == "ok"
