"""Host functions of both ABIs, called by a WebAssembly guest through the engine.

The guest is a module that imports all of them. Each call has an export, which takes its
arguments from memory and leaves the result there, so that both go through the conversions
of the engine. What a host function was given and what it gave is compared with what the
guest sent and got. Exceptions of host functions must come out of the engine as they are,
and the store must be as good as before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from struct import Struct
from typing import Any

from guest_arguments import GuestArguments
from guest_kernels import OddLinker, WatchedKernel
from host_calls import (
    ENVIRONMENT,
    MOST_PAGES,
    Fault,
    HostFunction,
    WatchedMemory,
    host_functions,
    is_of_kind,
    shown,
)

from hermetic_runtime.abi.binding import Declaration
from hermetic_runtime.abi.emscripten import EmscriptenABI, emscripten_declarations
from hermetic_runtime.abi.memory import PAGE_BYTES
from hermetic_runtime.abi.wasi import WasiABI, wasi_declarations
from hermetic_runtime.bindings import GuestFunction, HostFunctions, Module, Trap, WasmtimeError
from hermetic_runtime.compilation import Metering
from hermetic_runtime.engine import create_engine
from hermetic_runtime.interpreters.core_instance import UNAVAILABLE, CoreInstance, CoreModules
from hermetic_runtime.kernel.errno import Failure
from hermetic_runtime.kernel.stops import Aborted, GuestStop
from hermetic_runtime.signatures import Signature

_ARGUMENTS = 60_000
_RESULT = 61_000
_POINTER = 61_016
"""What the guest's own allocator gives; `_TRAPS` makes it trap instead."""
_TRAPS = 0xDEAD
_VALUE_BYTES = 8
_TYPES = {"i": "i32", "p": "i32", "l": "i64", "d": "f64"}
_LAYOUTS = {"i": Struct("<i"), "p": Struct("<I"), "l": Struct("<q"), "d": Struct("<d")}
_SLOTS = 8
_SIGNAL = "__call_sighandler"
_LEAVE = Signature("i")
_INTENDED = (Failure, GuestStop, Trap, WasmtimeError)
_TEST_FUNCTIONS = (("fuzzing", "leave"),)


class _Left(GuestStop):
    """A handler of signals ended the guest."""


_OUT_OF_SLOTS: dict[int, type[Exception] | None] = {
    1: None,
    2: _Left,
    3: WasmtimeError,
    4: Trap,
    5: WasmtimeError,
    6: Aborted,
}
"""What comes out of a handler of signals that is in a slot of the table; others have none."""


def _module(declarations: list[Declaration]) -> str:
    """A guest, in the text format."""
    imports = "\n".join(
        f'(import "{each.module}" "{each.name}" (func $f{number} {_type(each.signature)}))'
        for number, each in enumerate(declarations)
    )
    calls = "\n".join(map(_call, range(len(declarations)), declarations))
    return f"""(module
      {imports}
      (import "fuzzing" "leave" (func $leave (param i32)))
      (import "env" "unheard_of" (func $stub (param i32)))
      (import "env" "memory" (memory 1))
      (table (export "__indirect_function_table") {_SLOTS} funcref)
      (elem (i32.const 1) func $ignore $leave $allocate_one $trap $take_long $stub)
      (global (export "counter") (mut i32) (i32.const 7))
      (func $ignore (param i32))
      (func $trap (param i32) unreachable)
      (func $take_long (param i64))
      (func $given (result i32)
        (if (i32.eq (i32.load (i32.const {_POINTER})) (i32.const {_TRAPS})) (then unreachable))
        (i32.load (i32.const {_POINTER})))
      (func (export "allocate_two") (param i32 i32) (result i32) (call $given))
      (func $allocate_one (export "allocate_one") (param i32) (result i32) (call $given))
      (func (export "free") (param i32))
      (func (export "report") (param i32 i32))
      (func (export "sum") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1)))
      {calls})"""


def _type(signature: Signature) -> str:
    parameters = " ".join(_TYPES[kind] for kind in signature.parameters)
    result = f"(result {_TYPES[signature.result]})" if signature.result else ""
    return f"(param {parameters}) {result}"


def _call(number: int, declared: Declaration) -> str:
    signature = declared.signature
    arguments = " ".join(
        f"({_TYPES[kind]}.load (i32.const {_ARGUMENTS + place * _VALUE_BYTES}))"
        for place, kind in enumerate(signature.parameters)
    )
    call = f"(call $f{number} {arguments})"
    if signature.result:
        call = f"({_TYPES[signature.result]}.store (i32.const {_RESULT}) {call})"
    return f'(func (export "call{number}") {call})'


@cache
def _modules() -> CoreModules:
    declared = {**emscripten_declarations(), **wasi_declarations()}
    engine = create_engine(Metering.NONE)
    names = (*declared, *_TEST_FUNCTIONS)
    signatures = [*(each.signature for each in declared.values()), _LEAVE, UNAVAILABLE]
    stubs = """(module (import "hermetic" "unavailable" (func $report (param i32)))
      (func (export "unheard_of") (param i32) (call $report (i32.const 0)) unreachable))"""
    memory = f'(module (memory (export "memory") 1 {MOST_PAGES}))'
    return CoreModules(
        engine=engine,
        core=Module.compile(engine, _module(list(declared.values()))),
        memory=Module.compile(engine, memory),
        stubs=Module.compile(engine, stubs),
        trampoline=Module.compile(engine, "(module)"),
        host_functions=HostFunctions(engine, names, signatures),
        host_names=names,
        stub_names=("unheard_of",),
        mutable_globals=("counter",),
        most_memory_pages=MOST_PAGES,
    )


class NativeGuest:
    """A `CalledGuest` whose calls come out of WebAssembly."""

    def __init__(self, choices: Random, folder: Path) -> None:
        self._choices = choices
        self._instance = CoreInstance(_modules(), MOST_PAGES * PAGE_BYTES)
        self._watched = WatchedKernel(folder)
        self.arguments = GuestArguments(choices, self._instance.map_memory)
        self.arguments.fill_texts()
        memory = WatchedMemory(self._instance.map_memory)
        kernel = self._watched.kernel
        emscripten = EmscriptenABI(
            kernel,
            memory,
            environment=ENVIRONMENT,
            program="/bin/python3",
            memory_limit=MOST_PAGES * PAGE_BYTES,
            grow_by_pages=self._instance.grow_by_pages,
        )
        wasi = WasiABI(kernel, memory, environment=ENVIRONMENT, program="python")
        provided = {
            (each.declaration.module, each.declaration.name): each
            for each in host_functions(emscripten, wasi)
        }
        self.functions = [provided[name] for name in _modules().host_names[:-1]]
        self._numbers = {each.declaration: number for number, each in enumerate(self.functions)}
        self._received: list[tuple[Any, ...]] = []
        self._answered: list[Any] = []
        self._instance.start([*map(self._recorded, self.functions), self._leave])
        core = self._instance.core
        emscripten.mappings.allocate_with(core.function("allocate_two"))
        reporting = {"malloc": "allocate_one", "free": "free", "__dl_seterr": "report"}
        emscripten.linking.report_with(
            {name: core.function(export) for name, export in reporting.items()}
        )
        emscripten.linking.link_with(OddLinker(), "/tmp")
        emscripten.signals.call_handlers_with(self._instance.call_slot)
        self._calls = [core.function(f"call{number}") for number in range(len(self.functions))]
        self._sum: GuestFunction = core.function("sum")

    def _recorded(self, function: HostFunction) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._received.append(arguments)
            try:
                result = function.call(*arguments)
            except Exception as error:
                self._answered.append(error)
                raise
            self._answered.append(result)
            return result

        return call

    def _leave(self, _number: int) -> None:
        raise _Left

    def named(self, name: str) -> HostFunction:
        """The first function of that name, in any module."""
        return next(each for each in self.functions if each.declaration.name == name)

    def call(self, function: HostFunction) -> Fault | None:
        """Have the guest call a function with arguments made up for its signature."""
        return self.call_with(function, self.arguments.of(function.declaration.signature))

    def call_with(self, function: HostFunction, arguments: list[int | float]) -> Fault | None:
        """Have the guest call a function with these arguments."""
        signature = function.declaration.signature
        self._place(signature, arguments)
        self._received.clear()
        self._answered.clear()
        left: BaseException | None = None
        try:
            self._calls[self._numbers[function.declaration]]()
        except Exception as error:
            left = error
        wrong = self._wrong(signature, arguments, left)
        if function.declaration.name == _SIGNAL:
            wrong = wrong or _wrong_end(int(arguments[0]), left)
        return Fault(shown(function, arguments), wrong) if wrong else None

    def _place(self, signature: Signature, arguments: list[int | float]) -> None:
        memory = self._instance.map_memory()
        for place, (kind, value) in enumerate(zip(signature.parameters, arguments, strict=True)):
            _LAYOUTS[kind].pack_into(memory, _ARGUMENTS + place * _VALUE_BYTES, value)
        traps = self._choices.randrange(20) == 0
        _LAYOUTS["p"].pack_into(memory, _POINTER, _TRAPS if traps else self.arguments.pointer())

    def _wrong(
        self, signature: Signature, arguments: list[int | float], left: BaseException | None
    ) -> str | None:
        if len(self._received) != 1 or not _are_same(self._received[0], arguments):
            return f"it was received as {self._received}, and left {left!r}"
        answered = self._answered[0]
        if isinstance(answered, BaseException) or left is not None:
            if left is not answered:
                return f"{answered!r} came out as {left!r}"
            intended = isinstance(left, Failure | GuestStop | Trap | WasmtimeError)
            return None if intended else f"{type(left).__name__}: {left}"
        if not is_of_kind(answered, signature.result):
            return f"the result {answered!r}"
        return self._wrong_result(signature.result, answered)

    def _wrong_result(self, kind: str, answered: Any) -> str | None:
        if not kind:
            return None
        (stored,) = _LAYOUTS[kind].unpack_from(self._instance.map_memory(), _RESULT)
        same = _are_same((stored,), (answered,)) or (
            kind != "d" and (stored - answered) % (2**64 if kind == "l" else 2**32) == 0
        )
        return None if same else f"{answered!r} reached the guest as {stored!r}"

    def broken_bounds(self) -> str | None:
        if len(self._instance.map_memory()) > MOST_PAGES * PAGE_BYTES:
            return "the memory has grown past its limit"
        counter = self._instance.global_values(["counter"])
        if self._sum(2**31, 2**31 + 5) != 5 or counter != {"counter": 7}:
            return "the guest computes wrongly"
        if self._instance.store.pending is not None:
            return "an exception is left over in the store"
        return self._watched.broken_bounds()

    def close(self) -> str | None:
        self._instance.close()
        return self._watched.close()


def _wrong_end(slot: int, left: BaseException | None) -> str | None:
    expected = _OUT_OF_SLOTS.get(slot, WasmtimeError)
    same = left is None if expected is None else isinstance(left, expected)
    return None if same else f"{left!r} came out of the handler in slot {slot}"


def _are_same(received: tuple[Any, ...], sent: list[Any] | tuple[Any, ...]) -> bool:
    """As numbers, and with NaN the same as NaN."""
    return len(received) == len(sent) and all(
        one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))
        for one, other in zip(received, sent, strict=True)
    )
