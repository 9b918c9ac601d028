"""One instance of Pyodide's modules: core, memory, stubs and call trampoline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import wasmtime

from hermetic_runtime.abi.binding import HostFunction
from hermetic_runtime.engine import load_module
from hermetic_runtime.kernel.stops import Aborted
from hermetic_runtime.prepared import Manifest
from hermetic_runtime.signatures import Signature
from hermetic_runtime.wasmtime_ffi import (
    Extern,
    GuestStore,
    Instance,
    append_to_table,
    call_table_function,
    grow_memory,
    memory_bytes,
)

_TABLE = "__indirect_function_table"
_MAX_TABLE_ELEMENTS = 200_000
UNAVAILABLE = Signature("p")
"""The type of the function that stubs report to."""


class Import(NamedTuple):
    """A function or the memory that the core module imports, and who provides it:
    "host", "stub" or "memory".
    """

    module: str
    name: str
    provider: str


@dataclass(frozen=True, slots=True)
class CoreModules:
    """Compiled modules and what connects them."""

    engine: wasmtime.Engine
    core: wasmtime.Module
    memory: wasmtime.Module
    stubs: wasmtime.Module
    trampoline: wasmtime.Module
    imports: tuple[Import, ...]
    stub_names: tuple[str, ...]
    mutable_globals: tuple[str, ...]
    most_memory_pages: int
    function_types: Mapping[Signature, wasmtime.FuncType]

    @classmethod
    def load(
        cls,
        engine: wasmtime.Engine,
        directory: Path,
        manifest: Manifest,
        signatures: set[Signature],
    ) -> CoreModules:
        """Raises what a damaged directory makes it raise: `OSError`, `KeyError`,
        `wasmtime.WasmtimeError`.
        """
        core, memory, stubs, trampoline = (
            load_module(engine, directory / f"{name}.cwasm")
            for name in ("core", "memory", "stubs", "trampoline")
        )
        return cls(
            engine=engine,
            core=core,
            memory=memory,
            stubs=stubs,
            trampoline=trampoline,
            imports=tuple(Import(*item) for item in manifest["imports"]),
            stub_names=tuple(manifest["stubs"]),
            mutable_globals=tuple(manifest["mutable_globals"]),
            most_memory_pages=manifest["most_memory_pages"],
            function_types={
                signature: signature.function_type() for signature in {UNAVAILABLE, *signatures}
            },
        )


class CoreInstance:
    """One instance of an interpreter, alone in its store.

    Made in two steps, because the host functions work on the memory: first the store
    and its memory, then `start` with the functions. Not to be used again after a trap:
    guest code may still run in it, in a state that nothing vouches for.
    """

    def __init__(
        self, modules: CoreModules, memory_limit: int, memory: wasmtime.Module | None = None
    ) -> None:
        """`memory`, instead of the initial one, is what a snapshot starts from."""
        self._modules = modules
        self.store = GuestStore(modules.engine)
        self.store.store.set_limits(
            memory_size=memory_limit, table_elements=_MAX_TABLE_ELEMENTS, memories=1
        )
        self._memory = self.store.instantiate(memory or modules.memory, []).export("memory")
        self._core: Instance | None = None

    def map_memory(self) -> memoryview:
        return memory_bytes(self.store, self._memory)

    def grow_by_pages(self, pages: int) -> bool:
        return grow_memory(self.store, self._memory, pages)

    def start(self, functions: Mapping[tuple[str, str], HostFunction]) -> None:
        """Instantiate the core with host functions, stubs and the call trampoline.

        Raises `wasmtime.Trap` or `wasmtime.WasmtimeError`, which here mean that the
        prepared code does not fit this version of the host.
        """
        stubs = self._stubs()
        imports = [
            self._memory
            if wanted.provider == "memory"
            else stubs[wanted.name]
            if wanted.provider == "stub"
            else self._define(functions[wanted.module, wanted.name])
            for wanted in self._modules.imports
        ]
        self._core = self.store.instantiate(self._modules.core, imports)

    def _define(self, function: HostFunction) -> Extern:
        signature = function.declaration.signature
        function_type = self._modules.function_types[signature]
        return self.store.host_function(signature, function_type, function.call)

    def _stubs(self) -> dict[str, Extern]:
        names = self._modules.stub_names

        def unavailable(number: int) -> None:
            name = names[number] if number < len(names) else "?"
            raise Aborted(f"JavaScript is not available in this sandbox ({name})")

        function_type = self._modules.function_types[UNAVAILABLE]
        report = self.store.host_function(UNAVAILABLE, function_type, unavailable)
        instance = self.store.instantiate(self._modules.stubs, [report])
        return dict(zip(names, instance.exports_in_order(len(names)), strict=True))

    @property
    def core(self) -> Instance:
        """The core's exports. Raises `RuntimeError` before `start`."""
        if self._core is None:
            raise RuntimeError("the instance has not been started")
        return self._core

    def add_trampoline(self) -> int:
        """Put the call trampoline into the function table; its slot."""
        table = self.core.export(_TABLE)
        imports = [self._memory, table]
        trampoline = self.store.instantiate(self._modules.trampoline, imports)
        return append_to_table(self.store, table, trampoline.export("trampoline"))

    def global_values(self) -> dict[str, int]:
        """The state that is neither in memory nor in tables."""
        return {name: self.core.global_value(name) for name in self._modules.mutable_globals}

    def set_global_values(self, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            self.core.set_global(name, value)

    def call_slot(self, slot: int, argument: int) -> None:
        """Call a function of the table that takes one i32 and gives nothing.

        Raises `wasmtime.WasmtimeError` when the slot holds anything else.
        """
        call_table_function(self.store, self.core.export(_TABLE), slot, argument)

    def close(self) -> None:
        """Free the guest's memory and everything else it holds."""
        self.store.close()
