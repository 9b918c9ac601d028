"""What a caller gets wrong is refused before anything starts."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.limits import Limits
from hermetic_runtime.mounts import Mount
from hermetic_runtime.sandbox import Sandbox


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was started")

    monkeypatch.setattr("hermetic_runtime.sandbox_guest.provide", refuse)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"code": 5}, "source must be text or bytes, not int"),
        ({"code": "\ud800"}, "can't be written as UTF-8"),
        ({"code": "x" * 100}, "more than limit source_bytes"),
        ({"filename": ""}, "filename"),
        ({"filename": "a\0b"}, "NUL"),
        ({"filename": "a" * 5000}, "filename"),
        ({"filename": Path("a")}, "filename must be text"),
        ({"args": "abc"}, "not one text"),
        ({"args": [1]}, "each of args must be text, not int"),
        ({"args": ["a\0"]}, "NUL"),
        ({"args": ["a"] * 20_000}, "20,000 entries"),
        ({"args": ["a" * 2_000_000]}, "2,000,001 bytes"),
        ({"stdin": 5}, "stdin must be bytes, text or a binary file"),
        ({"stdin": io.StringIO("a")}, "binary file"),
        ({"limits": {"files": 1}}, "must be Limits, not dict"),
        ({"limits": Limits(files=20_000, source_bytes=50)}, "wider"),
        ({"limits": Limits(fuel=5, source_bytes=50)}, "on none"),
    ],
)
def test_bad_arguments_of_a_run_are_refused(arguments: dict[str, Any], said: str) -> None:
    every: dict[str, Any] = {"code": "1"} | arguments
    with (
        Sandbox(limits=Limits(source_bytes=50)) as sandbox,
        pytest.raises(InvalidInput, match=said),
    ):
        sandbox.run(**every)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"isolation": "none"}, "isolation must be"),
        ({"env": ["A=b"]}, "env must be a mapping"),
        ({"env": {"": "a"}}, "no variable can have"),
        ({"env": {"A=B": "a"}}, "no variable can have"),
        ({"env": {"A\0": "a"}}, "NUL"),
        ({"env": {"A": "\0"}}, "NUL"),
        ({"env": {"A": 1}}, "must be text, not int"),
        ({"env": {1: "a"}}, "must be text, not int"),
        ({"env": {"A": "x" * 2_000_000}}, "bytes"),
        ({"limits": 5}, "must be Limits"),
        ({"mounts": ["/tmp:/data"]}, "each of mounts must be a Mount, not str"),
        ({"mounts": [Mount(Path("/"), "/data")] * 2}, "two of mounts have the place '/data'"),
        ({"mounts": [Mount(Path("/"), f"/data/{i}") for i in range(65)]}, "mounts has 65 entries"),
    ],
)
def test_bad_arguments_of_a_sandbox_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Sandbox(**arguments)
