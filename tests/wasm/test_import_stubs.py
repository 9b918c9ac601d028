"""Stand-ins for imports that the host does not have."""

from __future__ import annotations

import pytest
import wasmtime
from engines import wasmtime_engine

from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.import_stubs import generate_stubs, is_provided_by_host
from hermetic_wasm.structure import EXTERNREF, I32, FunctionType

FUNCTIONS = [
    ("JsvArray_New", FunctionType((), (EXTERNREF,))),
    ("__hiwire_deduplicate_new", FunctionType((), (EXTERNREF,))),
    ("JsvArray_Set", FunctionType((EXTERNREF, I32, EXTERNREF), (I32,))),
    ("restoreState", FunctionType((EXTERNREF,), ())),
]


class Stubs:
    def __init__(self) -> None:
        engine = wasmtime_engine()
        module = wasmtime.Module(engine, generate_stubs(FUNCTIONS))
        self.names = [export.name for export in module.exports]
        self.reported: list[int] = []
        self._store = wasmtime.Store(engine)
        number = wasmtime.FuncType([wasmtime.ValType.i32()], [])
        report = wasmtime.Func(self._store, number, self.reported.append)
        self._exports = wasmtime.Instance(self._store, module, [report]).exports(self._store)

    def call(self, name: str, *arguments: object) -> object:
        stub = self._exports[name]
        assert isinstance(stub, wasmtime.Func)
        return stub(self._store, *arguments)


def test_stubs_are_exported_in_the_order_given() -> None:
    assert Stubs().names == [name for name, _ in FUNCTIONS]


def test_a_stub_reports_its_number_and_traps() -> None:
    stubs = Stubs()
    with pytest.raises(wasmtime.Trap, match="unreachable"):
        stubs.call("JsvArray_Set", None, 1, None)
    assert stubs.reported == [2]


def test_the_stub_that_is_called_at_start_gives_null_and_reports_nothing() -> None:
    stubs = Stubs()
    assert stubs.call("__hiwire_deduplicate_new") is None
    assert stubs.reported == []


def test_a_null_result_of_another_type_is_refused() -> None:
    with pytest.raises(MalformedModule, match="__hiwire_deduplicate_new"):
        generate_stubs([("__hiwire_deduplicate_new", FunctionType((), (I32,)))])


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("wasi_snapshot_preview1", "fd_read", True),
        ("env", "__syscall_openat", True),
        ("env", "emscripten_resize_heap", True),
        ("env", "JsvArray_New", False),
    ],
)
def test_system_calls_are_the_hosts_and_the_bridge_to_javascript_is_not(
    module: str, name: str, expected: bool
) -> None:
    assert is_provided_by_host(module, name) is expected


def test_an_import_from_an_unknown_module_is_refused() -> None:
    with pytest.raises(MalformedModule, match=r"function wasi_unstable.fd_read"):
        is_provided_by_host("wasi_unstable", "fd_read")
