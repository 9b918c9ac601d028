"""What the interpreter imports and what the host gives must agree to the letter."""

from __future__ import annotations

import pytest

from hermetic_runtime.abi.emscripten import emscripten_declarations
from hermetic_wasm.images import PYODIDE
from hermetic_wasm.import_stubs import HOST_FUNCTIONS

KINDS = {"i": "i32", "p": "i32", "l": "i64", "d": "f64"}
IMPORTS = [item for item in PYODIDE.layout()["imports"] if item[2] == "function"]
HOSTED = [item for item in IMPORTS if item[5] == "host"]


@pytest.mark.parametrize("item", HOSTED, ids=lambda item: item[1])
def test_each_import_of_the_host_is_declared_with_its_type(item: list[object]) -> None:
    module, name, _, parameters, results, _ = item
    signature = emscripten_declarations()[str(module), str(name)].signature

    assert [KINDS[kind] for kind in signature.parameters] == parameters
    assert [KINDS[kind] for kind in signature.result] == results


def test_nothing_is_declared_that_is_not_imported() -> None:
    imported = {(item[0], item[1]) for item in HOSTED}

    assert set(emscripten_declarations()) == imported


def test_the_list_of_host_functions_has_no_name_too_many() -> None:
    declared = {name for _, name in emscripten_declarations()}

    assert set(HOST_FUNCTIONS) <= declared


def test_every_other_import_is_stubbed() -> None:
    stubbed = [item[1] for item in IMPORTS if item[5] == "stub"]

    assert stubbed == PYODIDE.layout()["stubs"]
    assert all(not str(name).startswith("__syscall_") for name in stubbed)
