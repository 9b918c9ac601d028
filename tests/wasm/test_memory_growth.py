"""Whether a module's own memory.grow was refused, as the host can see it."""

from __future__ import annotations

import pytest
import wasmtime
from engines import assemble

from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.memory_growth import record_refusals

REFUSED = "refused"
GROWING = """
(module
  (import "env" "nothing" (func))
  (memory (export "memory") 1 3)
  (global (mut i32) (i32.const 7))
  (func $before (export "before") (result i32) global.get 0)
  (func $grow (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func $after (export "after") (result i32) i32.const 9))
"""
GROW_INDEX = 2


class Recorded:
    def __init__(self) -> None:
        engine = wasmtime.Engine()
        self.store = wasmtime.Store(engine)
        module = wasmtime.Module(engine, record_refusals(assemble(GROWING), GROW_INDEX, REFUSED))
        nothing = wasmtime.Func(self.store, wasmtime.FuncType([], []), lambda: None)
        self.exports = wasmtime.Instance(self.store, module, [nothing]).exports(self.store)

    def call(self, name: str, *arguments: int) -> int:
        function = self.exports[name]
        assert isinstance(function, wasmtime.Func)
        return function(self.store, *arguments)

    @property
    def refused(self) -> wasmtime.Global:
        found = self.exports[REFUSED]
        assert isinstance(found, wasmtime.Global)
        return found


def test_growth_that_succeeds_is_not_a_refusal() -> None:
    recorded = Recorded()

    assert recorded.call("grow", 1) == 1
    assert recorded.refused.value(recorded.store) == 0


def test_a_refusal_stays_known_after_later_growth_until_it_is_reset() -> None:
    recorded = Recorded()

    assert recorded.call("grow", 9) == -1
    assert recorded.call("grow", 1) == 1
    assert recorded.refused.value(recorded.store) == 1

    recorded.refused.set_value(recorded.store, wasmtime.Val.i32(0))
    assert recorded.call("grow", 1) == 2
    assert recorded.refused.value(recorded.store) == 0


def test_other_functions_and_globals_are_what_they_were() -> None:
    recorded = Recorded()

    assert (recorded.call("before"), recorded.call("after")) == (7, 9)


@pytest.mark.parametrize(("function", "problem"), [(1, "look like"), (0, "own"), (99, "own")])
def test_a_function_that_does_not_grow_memory_is_refused(function: int, problem: str) -> None:
    with pytest.raises(MalformedModule, match=problem):
        record_refusals(assemble(GROWING), function, REFUSED)
