"""An interpreter loaded into this process, and instances of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import wasmtime

from hermetic_runtime.abi.binding import HostFunction
from hermetic_runtime.abi.emscripten import emscripten_declarations
from hermetic_runtime.compilation import Metering
from hermetic_runtime.engine import create_engine, load_module
from hermetic_runtime.errors import PreparationError
from hermetic_runtime.kernel.image import ImageFilesystem
from hermetic_runtime.kernel.stops import Aborted
from hermetic_runtime.prepared import read_manifest
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
_UNAVAILABLE = Signature("p")


class Import(NamedTuple):
    """A function or the memory that the core module imports, and who provides it:
    "host", "stub" or "memory".
    """

    module: str
    name: str
    provider: str


@dataclass(frozen=True, slots=True)
class LoadedInterpreter:
    """Compiled code and library of an interpreter. It has never run a guest, and
    starts no threads: a process that has loaded one can be forked.
    """

    description: str
    metering: Metering
    library: ImageFilesystem
    engine: wasmtime.Engine
    core: wasmtime.Module
    memory: wasmtime.Module
    stubs: wasmtime.Module
    trampoline: wasmtime.Module
    imports: tuple[Import, ...]
    stub_names: tuple[str, ...]
    function_types: Mapping[Signature, wasmtime.FuncType]

    @classmethod
    def load(cls, directory: Path) -> LoadedInterpreter:
        """Load what `preparation.prepare` made.

        Raises `PreparationError` when something in `directory` is damaged.
        """
        try:
            manifest = read_manifest(directory)
            metering = Metering(manifest["metering"])
            engine = create_engine(metering)
            core, memory, stubs, trampoline = (
                load_module(engine, directory / f"{name}.cwasm")
                for name in ("core", "memory", "stubs", "trampoline")
            )
            library = ImageFilesystem.load(directory / "library.image")
        except (OSError, ValueError, KeyError, wasmtime.WasmtimeError) as error:
            raise PreparationError(
                f"the prepared interpreter in {directory} is damaged: {error}",
                hint="`hermetic cache clear` removes it; the next run makes it again.",
            ) from error
        return cls(
            description=manifest["interpreter"],
            metering=metering,
            library=library,
            engine=engine,
            core=core,
            memory=memory,
            stubs=stubs,
            trampoline=trampoline,
            imports=tuple(Import(*item) for item in manifest["imports"]),
            stub_names=tuple(manifest["stubs"]),
            function_types={
                signature: signature.function_type()
                for signature in {
                    _UNAVAILABLE,
                    *(declared.signature for declared in emscripten_declarations().values()),
                }
            },
        )


class CoreInstance:
    """One instance of an interpreter, alone in its store.

    Made in two steps, because the host functions work on the memory: first the store
    and its memory, then `start` with the functions. Not to be used again after a trap:
    guest code may still run in it, in a state that nothing vouches for.
    """

    def __init__(self, interpreter: LoadedInterpreter, memory_limit: int) -> None:
        self._interpreter = interpreter
        self.store = GuestStore(interpreter.engine)
        self.store.store.set_limits(
            memory_size=memory_limit, table_elements=_MAX_TABLE_ELEMENTS, memories=1
        )
        self._memory = self.store.instantiate(interpreter.memory, []).export("memory")
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
            for wanted in self._interpreter.imports
        ]
        self._core = self.store.instantiate(self._interpreter.core, imports)

    def _define(self, function: HostFunction) -> Extern:
        signature = function.declaration.signature
        function_type = self._interpreter.function_types[signature]
        return self.store.host_function(signature, function_type, function.call)

    def _stubs(self) -> dict[str, Extern]:
        names = self._interpreter.stub_names

        def unavailable(number: int) -> None:
            name = names[number] if number < len(names) else "?"
            raise Aborted(f"JavaScript is not available in this sandbox ({name})")

        function_type = self._interpreter.function_types[_UNAVAILABLE]
        report = self.store.host_function(_UNAVAILABLE, function_type, unavailable)
        instance = self.store.instantiate(self._interpreter.stubs, [report])
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
        trampoline = self.store.instantiate(self._interpreter.trampoline, imports)
        return append_to_table(self.store, table, trampoline.export("trampoline"))

    def call_slot(self, slot: int, argument: int) -> None:
        """Call a function of the table that takes one i32 and gives nothing.

        Raises `wasmtime.WasmtimeError` when the slot holds anything else.
        """
        call_table_function(self.store, self.core.export(_TABLE), slot, argument)

    def close(self) -> None:
        """Free the guest's memory and everything else it holds."""
        self.store.close()
