"""The forms for asyncio, `run` and the classes behind it take the same parameters.

Their signatures are written out, because that is what editors and the reference show; this
keeps them from drifting apart.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from hermetic_runtime.async_sandbox import AsyncSandbox, run_async
from hermetic_runtime.async_session import AsyncSession, AsyncSessionFiles
from hermetic_runtime.sandbox import Sandbox, run
from hermetic_runtime.sessions.session import Session
from hermetic_runtime.sessions.session_files import SessionFiles

FORMS: list[tuple[type, type]] = [
    (Sandbox, AsyncSandbox),
    (Session, AsyncSession),
    (SessionFiles, AsyncSessionFiles),
]
METHODS = [
    (blocking, awaited, name)
    for blocking, awaited in FORMS
    for name, value in vars(blocking).items()
    if name[0] != "_" and not isinstance(value, property)
]


def parameters(function: Callable[..., Any]) -> dict[str, tuple[object, object, object]]:
    """Kind, default and annotation by name, without `self`."""
    return {
        name: (parameter.kind, parameter.default, parameter.annotation)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
    }


@pytest.mark.parametrize(("blocking", "awaited"), FORMS)
def test_what_is_public_has_a_form_for_asyncio(blocking: type, awaited: type) -> None:
    assert {name for name in vars(blocking) if name[0] != "_"} <= set(dir(awaited))


@pytest.mark.parametrize(("blocking", "awaited", "name"), METHODS)
def test_a_method_for_asyncio_takes_the_same(blocking: type, awaited: type, name: str) -> None:
    assert parameters(getattr(awaited, name)) == parameters(getattr(blocking, name))


def test_an_async_sandbox_is_made_of_the_same_but_for_spares() -> None:
    of_sandbox = parameters(Sandbox.__init__)
    del of_sandbox["spares"]

    assert parameters(AsyncSandbox.__init__) == of_sandbox


def test_run_takes_what_a_sandbox_and_its_run_take() -> None:
    both = parameters(Sandbox.__init__) | parameters(Sandbox.run)
    for name in ("script", "spares", "final"):
        del both[name]

    assert parameters(run) == both


def test_run_async_takes_the_same_as_run() -> None:
    assert parameters(run_async) == parameters(run)
