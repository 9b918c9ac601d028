"""One instance of Pyodide's modules: core, memory, stubs and call trampoline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import wasmtime

from hermetic_runtime.engine import load_module
from hermetic_runtime.kernel.stops import Aborted
from hermetic_runtime.prepared import Manifest
from hermetic_runtime.signatures import Signature
from hermetic_runtime.wasmtime_ffi import (
    Extern,
    GuestStore,
    HostFunctions,
    ImportSlots,
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
    """Compiled modules and what connects them.

    `host_functions` are numbered as in `host_names`; one more, the last, is what stubs
    report to.
    """

    engine: wasmtime.Engine
    core: wasmtime.Module
    memory: wasmtime.Module
    stubs: wasmtime.Module
    trampoline: wasmtime.Module
    host_functions: HostFunctions
    host_names: tuple[tuple[str, str], ...]
    stub_names: tuple[str, ...]
    mutable_globals: tuple[str, ...]
    most_memory_pages: int

    @classmethod
    def load(
        cls,
        engine: wasmtime.Engine,
        directory: Path,
        manifest: Manifest,
        signatures: Mapping[tuple[str, str], Signature],
    ) -> CoreModules:
        """`signatures` are those of the host's functions, by module and name.

        Raises what a damaged directory makes it raise: `OSError`, `KeyError`,
        `ValueError`, `wasmtime.WasmtimeError`.
        """
        core, memory, stubs, trampoline = (
            load_module(engine, directory / f"{name}.cwasm")
            for name in ("core", "memory", "stubs", "trampoline")
        )
        imports = [Import(*item) for item in manifest["imports"]]
        host_names = tuple((it.module, it.name) for it in imports if it.provider == "host")
        called = [*(signatures[name] for name in host_names), UNAVAILABLE]
        return cls(
            engine=engine,
            core=core,
            memory=memory,
            stubs=stubs,
            trampoline=trampoline,
            host_functions=HostFunctions(engine, host_names, called),
            host_names=host_names,
            stub_names=tuple(manifest["stubs"]),
            mutable_globals=tuple(manifest["mutable_globals"]),
            most_memory_pages=manifest["most_memory_pages"],
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
        self.limit_memory(memory_limit)
        self._memory = self.store.instantiate(memory or modules.memory, []).export("memory")
        self._core: Instance | None = None

    def limit_memory(self, size: int) -> None:
        self.store.store.set_limits(
            memory_size=size, table_elements=_MAX_TABLE_ELEMENTS, memories=1
        )

    def map_memory(self) -> memoryview:
        return memory_bytes(self.store, self._memory)

    def grow_by_pages(self, pages: int) -> bool:
        return grow_memory(self.store, self._memory, pages)

    def start(self, functions: list[Callable[..., Any]]) -> None:
        """Instantiate the core with host functions, in the order of `CoreModules.host_names`,
        and stubs.

        Raises `wasmtime.Trap` or `wasmtime.WasmtimeError`, which here mean that the
        prepared code does not fit this version of the host.
        """
        modules = self._modules
        self.store.functions = [*functions, self._unavailable]
        report = modules.host_functions.function(self.store, len(functions))
        self._stubs = self.store.instantiate(modules.stubs, [report])
        self._core = modules.host_functions.instantiate(
            self.store, modules.core, self._memory, self._stubs
        )

    def _unavailable(self, number: int) -> None:
        names = self._modules.stub_names
        name = names[number] if number < len(names) else "?"
        raise Aborted(f"JavaScript is not available in this sandbox ({name})")

    @property
    def core(self) -> Instance:
        """The core's exports. Raises `RuntimeError` before `start`."""
        if self._core is None:
            raise RuntimeError("the instance has not been started")
        return self._core

    @property
    def memory(self) -> Extern:
        return self._memory

    @property
    def table(self) -> Extern:
        """The function table."""
        return self.core.export(_TABLE)

    def provide(self, imports: ImportSlots, slot: int, module: str, name: str) -> bool:
        """Put what the core imports itself, the host's or a stub, into a slot.

        False when the core does not import it.
        """
        with suppress(ValueError):
            number = self._modules.host_names.index((module, name))
            imports[slot] = self._modules.host_functions.function(self.store, number)
            return True
        return module == "env" and self._stubs.find_into(imports, slot, name)

    def add_trampoline(self) -> int:
        """Put the call trampoline into the function table; its slot."""
        table = self.table
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
        call_table_function(self.store, self.table, slot, argument)

    def close(self) -> None:
        """Free the guest's memory and everything else it holds."""
        self.store.close()
