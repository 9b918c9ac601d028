"""A machine of Pyodide's modules: core, memory, stubs and call trampoline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hermetic_runtime.bindings import (
    Engine,
    Extern,
    HostFunctions,
    ImportSlots,
    Module,
    append_to_table,
    call_table_function,
    instantiate,
    table_size,
)
from hermetic_runtime.engine import load_module
from hermetic_runtime.interpreters.machine import Machine
from hermetic_runtime.kernel.stops import Aborted
from hermetic_runtime.prepared import Manifest
from hermetic_runtime.signatures import Signature

if TYPE_CHECKING:
    from hermetic_runtime.linking.linker import Linker

_TABLE = "__indirect_function_table"
UNAVAILABLE = Signature("p")
"""The type of the function that stubs report to."""


class Import(NamedTuple):
    """A function or the memory that the core module imports, and who provides it:
    "host", "stub" or "memory".
    """

    module: str
    name: str
    provider: str


class CoreModules(NamedTuple):
    """Compiled modules and what connects them.

    `host_functions` are numbered as in `host_names`; one more, the last, is what stubs
    report to.
    """

    engine: Engine
    core: Module
    memory: Module
    stubs: Module
    trampoline: Module
    host_functions: HostFunctions
    host_names: tuple[tuple[str, str], ...]
    stub_names: tuple[str, ...]
    mutable_globals: tuple[str, ...]
    most_memory_pages: int

    @classmethod
    def load(
        cls,
        engine: Engine,
        directory: Path,
        manifest: Manifest,
        signatures: Mapping[tuple[str, str], Signature],
    ) -> CoreModules:
        """`signatures` are those of the host's functions, by module and name.

        Raises what a damaged directory makes it raise: `OSError`, `KeyError`,
        `ValueError`, `WasmtimeError`.
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


class CoreInstance(Machine):
    """A machine of Pyodide's modules. `linker` is that of its guests, if they have one."""

    most_table_elements = 200_000

    def __init__(
        self, modules: CoreModules, memory_limit: int, memory: Module | None = None
    ) -> None:
        """`memory`, instead of the initial one, is what a snapshot starts from."""
        super().__init__(modules.engine, memory or modules.memory, memory_limit)
        self._modules = modules
        self.trampoline = 0
        """The slot of the call trampoline in the function table; 0 while it has none."""
        self.linker: Linker | None = None
        self._settled_slots = 0

    def start(self, functions: list[Callable[..., Any]]) -> None:
        """Instantiate the core with host functions, in the order of `CoreModules.host_names`,
        and stubs; the second time, for another guest, only change the functions.

        Raises `Trap` or `WasmtimeError`, which here mean that the
        prepared code does not fit this version of the host.
        """
        modules = self._modules
        self.store.functions = [*functions, self._unavailable]
        if self.has_started:
            return
        report = modules.host_functions.function(self.store, len(functions))
        self._stubs = instantiate(self.store, modules.stubs, [report])
        self.core = modules.host_functions.instantiate(
            self.store, modules.core, self.memory, self._stubs
        )

    def _unavailable(self, number: int) -> None:
        names = self._modules.stub_names
        name = names[number] if number < len(names) else "?"
        raise Aborted(f"JavaScript is not available in this sandbox ({name})")

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

    def add_trampoline(self) -> None:
        """Put the call trampoline into the function table, once."""
        if self.trampoline:
            return
        table = self.table
        imports = [self.memory, table]
        instance = instantiate(self.store, self._modules.trampoline, imports)
        self.trampoline = append_to_table(self.store, table, instance.export("trampoline"))

    def settle(self) -> None:
        """Remember that a guest begins here whose snapshot others can start from again."""
        self._settled_slots = table_size(self.store, self.table)

    def differs_in_memory_only(self) -> bool:
        if table_size(self.store, self.table) != self._settled_slots:
            return False
        return self.linker is None or self.linker.has_only_replayed

    def call_slot(self, slot: int, argument: int) -> None:
        """Call a function of the table that takes one i32 and gives nothing.

        Raises `WasmtimeError` when the slot holds anything else.
        """
        call_table_function(self.store, self.table, slot, argument)
