"""CPython for WASI, with its scientific packages, as an interpreter of guests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hermetic_runtime.abi.memory import PAGE_BYTES, GuestMemory
from hermetic_runtime.abi.wasi import WasiABI, wasi_declarations
from hermetic_runtime.bindings import Engine, GuestStore, HostFunctions, Instance, Module
from hermetic_runtime.compilation import MIB, Compiler, Metering
from hermetic_runtime.engine import create_engine, load_module
from hermetic_runtime.errors import GuestMisbehaved
from hermetic_runtime.interpreters.interrupts import InterruptSwitch, find_switch
from hermetic_runtime.interpreters.machine import Machine
from hermetic_runtime.interpreters.python_api import PythonAPI
from hermetic_runtime.kernel.image import ImageFilesystem
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.packages.loaded import LoadedPackages
from hermetic_runtime.prepared import Manifest
from hermetic_runtime.snapshots.stored import LoadedSnapshot
from hermetic_wasm.wasi_image import MEMORY_REFUSED, MOST_MEMORY_PAGES, PROGRAM, WASI

RESERVE_BYTES = 4 * MIB
"""Memory that the guest's agent keeps back, to answer with when all else is taken."""
_C_STACK_BYTES = MIB
"""What CPython may believe of its C stack: less than there is, so that deep recursion
raises RecursionError before native code runs out."""
_FIRST_TURN = b"import sys; sys.path.append('/lib/hermetic')"


class WasiInterpreter(NamedTuple):
    """A `LoadedInterpreter`."""

    description: str
    metering: Metering
    engine: Engine
    library: ImageFilesystem
    core: Module
    memory: Module
    host_functions: HostFunctions
    host_names: tuple[tuple[str, str], ...]
    mutable_globals: tuple[str, ...]
    most_memory_pages: int = MOST_MEMORY_PAGES
    site_packages: str = f"{WASI.library}/site-packages"

    @classmethod
    def load(cls, directory: Path, manifest: Manifest) -> WasiInterpreter:
        """Raises what a damaged directory makes it raise: `OSError`, `KeyError`,
        `ValueError`, `WasmtimeError`.
        """
        metering = Metering(manifest["metering"])
        engine = create_engine(metering, Compiler(manifest.get("compiler", Compiler.CRANELIFT)))
        signatures = {name: it.signature for name, it in wasi_declarations().items()}
        names = tuple(
            (module, name) for module, name, provider in manifest["imports"] if provider == "host"
        )
        return cls(
            description=manifest["interpreter"],
            metering=metering,
            engine=engine,
            library=ImageFilesystem.load(directory / "library.image"),
            core=load_module(engine, directory / "core.cwasm"),
            memory=load_module(engine, directory / "memory.cwasm"),
            host_functions=HostFunctions(engine, names, [signatures[name] for name in names]),
            host_names=names,
            mutable_globals=tuple(manifest["mutable_globals"]),
        )

    def map_side_modules(self, packages: LoadedPackages) -> None:
        """There are none: it is linked statically."""

    def instantiate(
        self,
        kernel: Kernel,
        environment: Mapping[str, str],
        memory_limit: int,
        packages: LoadedPackages | None,
        snapshot: LoadedSnapshot | None,
        machine: Machine | None = None,
    ) -> WasiInstance:
        if machine is None:
            memory = snapshot.memory if snapshot else self.memory
            machine = Machine(self.engine, memory, memory_limit)
        return WasiInstance(self, machine, kernel, environment)


class WasiInstance:
    """An `InterpreterInstance`."""

    def __init__(
        self,
        interpreter: WasiInterpreter,
        machine: Machine,
        kernel: Kernel,
        environment: Mapping[str, str],
    ) -> None:
        self._interpreter = interpreter
        self._machine = machine
        self._memory = GuestMemory(machine.map_memory)
        self._abi = WasiABI(kernel, self._memory, environment=environment, program=PROGRAM)
        self._switch: InterruptSwitch | None = None

    @property
    def store(self) -> GuestStore:
        return self._machine.store

    @property
    def _core(self) -> Instance:
        return self._machine.core

    @property
    def memory_bytes(self) -> int:
        self._memory.refresh()
        return self._memory.size

    @property
    def memory_refused(self) -> bool:
        return self._core.global_value(MEMORY_REFUSED) != 0

    @memory_refused.setter
    def memory_refused(self, refused: bool) -> None:
        self._core.set_global(MEMORY_REFUSED, int(refused))

    def boot(self) -> None:
        self._start()
        stack_top = self._core.global_value(self._interpreter.mutable_globals[0])
        self._core.function("_initialize")()
        self._take_turn(_FIRST_TURN)
        thread = self._core.function("PyThreadState_Get")()
        protect = self._core.function("PyUnstable_ThreadState_SetStackProtection")
        protect(thread, stack_top - _C_STACK_BYTES, _C_STACK_BYTES)
        agent = self._python.import_module("hermetic_guest.agent")
        prepare = self._python.attribute(agent, "prepare")
        if self._python.call_with_reserve(prepare, RESERVE_BYTES) is None:
            raise GuestMisbehaved("the guest could not be made ready")
        self._run = self._python.attribute(agent, "answer")
        interrupt = self._core.function("PyErr_SetInterruptEx")
        self._switch = find_switch(self._memory, interrupt, first_address=stack_top)

    def _start(self) -> None:
        interpreter, machine = self._interpreter, self._machine
        machine.store.functions = self._abi.calls(interpreter.host_names)
        if not machine.has_started:
            machine.core = interpreter.host_functions.instantiate(
                machine.store, interpreter.core, machine.memory
            )
        self._python = PythonAPI(machine.core, self._memory)

    def _take_turn(self, source: bytes) -> None:
        """Run source text the artifact's own way; the first time, that boots it."""
        address = self._core.function("host_alloc")(len(source))
        if address == 0:
            raise GuestMisbehaved("the guest is out of memory before it runs")
        self._memory.write(address, source)
        status = self._core.function("turn")(address, len(source))
        if status != 0:
            raise GuestMisbehaved(f"the interpreter did not start: status {status}")

    def make_room(self, size: int) -> None:
        self._python.make_room(size)

    def save(self) -> dict[str, Any]:
        switch = self._switch
        assert switch is not None
        return {
            "globals": self._machine.global_values(self._interpreter.mutable_globals),
            "run": self._run,
            "switch": switch.bits,
        }

    def memory_contents(self) -> bytes:
        return self._memory.read(0, self.memory_bytes)

    def map_memory(self) -> memoryview:
        return self._machine.map_memory()

    def limit_memory(self, size: int) -> None:
        self._machine.limit_memory(size)

    def grow_memory_to(self, size: int) -> bool:
        pages = (size - self.memory_bytes) // PAGE_BYTES
        grown = self._machine.grow_by_pages(pages)
        self._memory.refresh()
        return grown

    def resume(self, saved: Mapping[str, Any]) -> None:
        self._start()
        self._machine.set_global_values(saved["globals"])
        self._python.find_functions()
        self._run: int = saved["run"]
        self._switch = InterruptSwitch(self._memory, saved["switch"])

    def call(self, request: bytes) -> bytes | None:
        return self._python.call(self._run, request)

    def interrupt(self) -> None:
        if self._switch is not None:
            self._switch.set()

    def clear_interrupt(self) -> None:
        if self._switch is not None:
            self._switch.clear()

    def leave(self) -> Machine:
        self._memory.close()
        self._machine.store.disconnect()
        return self._machine
