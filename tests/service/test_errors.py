"""The errors of all three packages are one tree, whose codes callers can rely on."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import hermetic
import hermetic_runtime
import hermetic_wasm
from hermetic import errors
from hermetic.errors import HermeticError

SAME_FOR_ALL_DOORS = {"denied", "internal"}
"""Codes that several errors have because they mean the same to a caller."""


def import_all(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(".__main__") and ".guest" not in module.name:
            import_module(module.name)


def errors_below(kind: type[HermeticError]) -> Iterator[type[HermeticError]]:
    for below in kind.__subclasses__():
        yield below
        yield from errors_below(below)


def every_error() -> set[type[HermeticError]]:
    for package in (hermetic_wasm, hermetic_runtime, hermetic):
        import_all(package)
    return {kind for kind in errors_below(HermeticError) if kind.__module__.startswith("hermetic")}


def test_no_two_errors_share_a_code_that_means_different_things() -> None:
    by_code: dict[str, set[str]] = {}
    for kind in every_error():
        if "code" in vars(kind):
            by_code.setdefault(kind.code, set()).add(kind.__name__)

    shared = {code: names for code, names in by_code.items() if len(names) > 1}
    assert shared.keys() <= SAME_FOR_ALL_DOORS


def test_codes_are_words_in_lower_case() -> None:
    assert all(kind.code.replace("_", "").islower() for kind in every_error())


def test_every_error_of_the_runtime_can_be_caught_by_its_public_name() -> None:
    from hermetic_runtime import errors as of_runtime

    assert {*of_runtime.__all__} <= {*errors.__all__}


def test_every_error_says_in_its_docstring_what_it_means() -> None:
    assert [kind for kind in every_error() if not kind.__doc__] == []
