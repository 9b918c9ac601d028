"""Functions by the names that the name section gives them."""

from __future__ import annotations

import pytest
from engines import assemble

from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.function_names import function_indices
from hermetic_wasm.module import Module

NAMED = Module(assemble('(module $m (import "a" "b" (func $far)) (func $near) (func $next))'))


def test_functions_are_found_by_name() -> None:
    assert function_indices(NAMED, ["next", "far"]) == {"next": 2, "far": 0}


def test_a_name_that_is_not_there_is_said() -> None:
    with pytest.raises(MalformedModule, match="no function is named absent"):
        function_indices(NAMED, ["near", "absent"])


def test_a_module_without_names_has_none() -> None:
    with pytest.raises(MalformedModule, match="no function is named near"):
        function_indices(Module(b"\0asm\1\0\0\0"), ["near"])
