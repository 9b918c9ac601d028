"""The stock Pyodide core as an interpreter of guests."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hermetic_runtime.abi.emscripten import EmscriptenABI, emscripten_declarations
from hermetic_runtime.abi.memory import PAGE_BYTES, GuestMemory
from hermetic_runtime.bindings import Engine, GuestStore, Instance
from hermetic_runtime.compilation import MIB, Metering
from hermetic_runtime.engine import create_engine
from hermetic_runtime.errors import GuestMisbehaved, LinkError, PreparationError
from hermetic_runtime.interpreters import python_api
from hermetic_runtime.interpreters.core_instance import CoreInstance, CoreModules
from hermetic_runtime.interpreters.machine import Machine
from hermetic_runtime.kernel.image import ImageFilesystem
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.packages.loaded import LoadedPackages
from hermetic_runtime.prepared import Manifest
from hermetic_runtime.snapshots.stored import LoadedSnapshot

if TYPE_CHECKING:
    from hermetic_runtime.linking.linker import Linker
    from hermetic_runtime.side_modules import CompiledSideModule

RESERVE_BYTES = 4 * MIB
"""Memory that the guest's agent keeps back, to answer with when all else is taken."""

_LINKING_FUNCTIONS = ("malloc", "free", "__dl_seterr")


class PyodideInterpreter(NamedTuple):
    """A `LoadedInterpreter`."""

    description: str
    metering: Metering
    library: ImageFilesystem
    modules: CoreModules
    mapped: dict[str, CompiledSideModule]

    @property
    def engine(self) -> Engine:
        return self.modules.engine

    @property
    def most_memory_pages(self) -> int:
        return self.modules.most_memory_pages

    @property
    def site_packages(self) -> str:
        return python_api.SITE_PACKAGES

    @classmethod
    def load(cls, directory: Path, manifest: Manifest) -> PyodideInterpreter:
        """Raises what a damaged directory makes it raise."""
        metering = Metering(manifest["metering"])
        signatures = {
            name: declared.signature for name, declared in emscripten_declarations().items()
        }
        return cls(
            description=manifest["interpreter"],
            metering=metering,
            modules=CoreModules.load(create_engine(metering), directory, manifest, signatures),
            library=ImageFilesystem.load(directory / "library.image"),
            mapped={},
        )

    def instantiate(
        self,
        kernel: Kernel,
        environment: Mapping[str, str],
        memory_limit: int,
        packages: LoadedPackages | None,
        snapshot: LoadedSnapshot | None,
        machine: Machine | None = None,
    ) -> PyodideInstance:
        if not isinstance(machine, CoreInstance):
            memory = snapshot.memory if snapshot else None
            machine = CoreInstance(self.modules, memory_limit, memory)
        return PyodideInstance(self, machine, kernel, environment, memory_limit, packages)

    def map_side_modules(self, packages: LoadedPackages) -> None:
        """Map what guests with `packages` can load, so that they need not open files."""
        if not packages.side_modules:
            return
        from hermetic_runtime.linking.core_symbols import core_symbols

        import_module("hermetic_runtime.linking.linker")  # slow, and each guest needs it
        core_symbols()
        for sha256 in packages.side_modules.values():
            with suppress(LinkError, PreparationError):  # which an import will report
                self._side_module(packages, sha256)

    def _side_module(self, packages: LoadedPackages, sha256: str) -> CompiledSideModule:
        from hermetic_runtime.side_modules import load_side_module

        found = self.mapped.get(sha256)
        if found is None:
            found = load_side_module(self.engine, sha256, self.metering, packages.cache)
            self.mapped[sha256] = found
        return found

    def create_linker(self, machine: CoreInstance, packages: LoadedPackages) -> Linker:
        """A linker for the side modules of `packages`."""
        from hermetic_runtime.linking.core_symbols import core_symbols
        from hermetic_runtime.linking.linker import Linker  # for guests with packages only

        side_module = partial(self._side_module, packages)
        return Linker(machine, packages.side_modules, side_module, core_symbols)


class PyodideInstance:
    """An `InterpreterInstance`."""

    def __init__(
        self,
        interpreter: PyodideInterpreter,
        machine: CoreInstance,
        kernel: Kernel,
        environment: Mapping[str, str],
        memory_limit: int,
        packages: LoadedPackages | None,
    ) -> None:
        self._interpreter = interpreter
        self._packages = packages
        self._machine = machine
        self._memory = GuestMemory(machine.map_memory)
        self._abi = EmscriptenABI(
            kernel,
            self._memory,
            environment=environment,
            program=python_api.PROGRAM,
            memory_limit=memory_limit,
            grow_by_pages=machine.grow_by_pages,
        )

    @property
    def store(self) -> GuestStore:
        return self._machine.store

    @property
    def memory_bytes(self) -> int:
        return self._memory.size

    @property
    def memory_refused(self) -> bool:
        return self._abi.memory.refused

    @memory_refused.setter
    def memory_refused(self, refused: bool) -> None:
        self._abi.memory.refused = refused

    def boot(self) -> None:
        self._start()
        self._python.boot(self._machine.trampoline)
        agent = self._python.import_module("hermetic_guest.agent")
        prepare = self._python.attribute(agent, "prepare")
        if self._python.call_with_reserve(prepare, RESERVE_BYTES) is None:
            raise GuestMisbehaved("the guest could not be made ready")
        self._run = self._python.attribute(agent, "answer")

    def _start(self) -> None:
        machine = self._machine
        machine.start(self._abi.calls(self._interpreter.modules.host_names))
        core = machine.core
        self._abi.mappings.allocate_with(core.function("emscripten_builtin_memalign"))
        self._abi.signals.call_handlers_with(machine.call_slot)
        self._abi.signals.switch_at(core.global_value("Py_EMSCRIPTEN_SIGNAL_HANDLING"))
        self._prepare_linking(core)
        machine.add_trampoline()
        self._python = python_api.PythonAPI(core, self._memory)

    def _prepare_linking(self, core: Instance) -> None:
        calls, machine = self._abi.linking, self._machine
        calls.report_with({name: core.function(name) for name in _LINKING_FUNCTIONS})
        if self._packages is None:
            return
        if machine.linker is None:
            machine.linker = self._interpreter.create_linker(machine, self._packages)
        machine.linker.work_on(self._memory)
        calls.link_with(machine.linker, python_api.SITE_PACKAGES)

    def make_room(self, size: int) -> None:
        self._python.make_room(size)

    def save(self) -> dict[str, Any]:
        machine = self._machine
        return {
            "globals": machine.global_values(self._interpreter.modules.mutable_globals),
            "trampoline": machine.trampoline,
            "linker": machine.linker.save() if machine.linker else None,
            "opened": [*self._abi.linking.opened.items()],
            "run": self._run,
        }

    def memory_contents(self) -> bytes:
        return self._memory.read(0, self._memory.size)

    def map_memory(self) -> memoryview:
        return self._machine.map_memory()

    def limit_memory(self, size: int) -> None:
        self._machine.limit_memory(size)
        self._abi.memory.limit = size

    def grow_memory_to(self, size: int) -> bool:
        grown = self._machine.grow_by_pages((size - self._memory.size) // PAGE_BYTES)
        self._memory.refresh()
        return grown

    def resume(self, saved: Mapping[str, Any]) -> None:
        self._start()
        machine = self._machine
        if machine.trampoline != saved["trampoline"]:
            raise GuestMisbehaved("the snapshot does not fit this interpreter")
        if machine.linker is not None and saved["linker"] is not None:
            machine.linker.replay(saved["linker"])
        self._abi.linking.opened = dict(saved["opened"])
        machine.set_global_values(saved["globals"])
        machine.settle()
        self._python.find_functions()
        self._run: int = saved["run"]

    def call(self, request: bytes) -> bytes | None:
        return self._python.call(self._run, request)

    def interrupt(self) -> None:
        self._abi.signals.interrupt()

    def clear_interrupt(self) -> None:
        self._abi.signals.clear()

    def leave(self) -> Machine:
        self._memory.close()
        self._machine.store.disconnect()
        return self._machine
