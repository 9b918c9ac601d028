"""Globals and files that come with the code."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox_options import SandboxOptions

from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.kernel.tree_bounds import LEVELS_MAX
from hermetic_runtime.limits import Limits
from hermetic_runtime.reported import Outcome
from hermetic_runtime.request_additions import checked_files, checked_inputs
from hermetic_runtime.sandbox import Sandbox, run


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_inputs_become_globals(options: SandboxOptions) -> None:
    inputs = {"x": {"a": [1, None, 2.5, True]}, "é": "\U0001f600\ud800"}
    result = run("[x, len(é), ascii(é)]", inputs=inputs, **options)
    assert result.value is not None
    assert result.value.json == [{"a": [1, None, 2.5, True]}, 2, "'\\U0001f600\\ud800'"]


def test_files_are_there_before_the_code_starts(options: SandboxOptions) -> None:
    files = {"a/b/c.bin": b"\0\xff", "/workspace/d.txt": b"d"}
    code = "[list(open('a/b/c.bin', 'rb').read()), open('/workspace/d.txt').read()]"
    result = run(code, files=files, **options)
    assert result.value is not None and result.value.json == [[0, 255], "d"]


def test_files_of_a_later_run_replace_those_of_an_earlier_one(options: SandboxOptions) -> None:
    with Sandbox(**options) as sandbox:
        sandbox.run("", files={"a/b": b"long"})
        result = sandbox.run("open('a/b').read()", files={"a/b": b"x"})
    assert result.value is not None and result.value.json == "x"


def test_files_count_against_the_limit_of_the_disk(options: SandboxOptions) -> None:
    result = run(
        "print('not reached')", files={"a": b"x" * 2000}, limits=Limits(disk_bytes=1000), **options
    )
    assert (result.outcome, result.stdout.text) == (Outcome.DISK, "")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"a b": 1}, "no variable can have"),
        ({"class": 1}, "no variable can have"),
        ({3: 1}, "no variable can have"),
        ({"__name__": 1}, "belongs to Python itself"),
        ({"x": b"a"}, "holds bytes"),
        ({"x": {"y": {1: 2}}}, "a key that is not text"),
        ({"x": float("nan")}, "can't be written as JSON"),
        ({"x": nested(100_000)}, "nested deeper"),
        ({"x": "a" * 9_000_000}, "more than 8,388,608"),
        ({f"x{n}": n for n in range(1001)}, "inputs has 1,001 entries"),
        ([1], "must be a mapping"),
    ],
)
def test_inputs_that_can_not_be_globals_are_refused(inputs: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        checked_inputs(inputs)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"../a": b""}, "below /workspace"),
        ({"/etc/a": b""}, "below /workspace"),
        ({"a//b": b""}, "below /workspace"),
        ({"": b""}, "below /workspace"),
        ({"a\0": b""}, "below /workspace"),
        ({"\ud800": b""}, "UTF-8"),
        ({"a" * 256: b""}, "too long"),
        ({"a/" * 600 + "b": b""}, "too long"),
        ({"a/" * LEVELS_MAX + "b": b""}, "too deep"),
        ({"a": b"", "/workspace/a": b""}, "two of files have the path 'a'"),
        ({"a": b"", "a/b": b""}, "inside another"),
        ({"a": "text"}, "must hold bytes"),
        ({1: b""}, "must be text"),
        ({"a": b"x" * 34_000_000}, "more than 33,554,432"),
        ({str(n): b"" for n in range(1001)}, "files has 1,001 entries"),
        ([1], "must be a mapping"),
    ],
)
def test_files_that_can_not_be_placed_are_refused(files: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        checked_files(files)
