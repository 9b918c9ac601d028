"""The stock Pyodide core as an interpreter of guests."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wasmtime

from hermetic_runtime.abi.emscripten import EmscriptenABI, emscripten_declarations
from hermetic_runtime.abi.memory import PAGE_BYTES, GuestMemory
from hermetic_runtime.compilation import MIB, Metering
from hermetic_runtime.engine import create_engine
from hermetic_runtime.errors import GuestMisbehaved, LinkError, PreparationError
from hermetic_runtime.interpreters import python_api
from hermetic_runtime.interpreters.core_instance import CoreInstance, CoreModules
from hermetic_runtime.kernel.image import ImageFilesystem
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.packages.loaded import LoadedPackages
from hermetic_runtime.prepared import Manifest
from hermetic_runtime.snapshots.stored import LoadedSnapshot
from hermetic_runtime.wasmtime_ffi import GuestStore, Instance

if TYPE_CHECKING:
    from hermetic_runtime.linking.linker import Linker
    from hermetic_runtime.side_modules import CompiledSideModule

RESERVE_BYTES = 4 * MIB
"""Memory that the guest's agent keeps back, to answer with when all else is taken."""

_LINKING_FUNCTIONS = ("malloc", "free", "__dl_seterr")


@dataclass(frozen=True, slots=True)
class PyodideInterpreter:
    """A `LoadedInterpreter`."""

    description: str
    metering: Metering
    library: ImageFilesystem
    modules: CoreModules
    mapped: dict[str, CompiledSideModule] = field(default_factory=dict[str, "CompiledSideModule"])

    @property
    def engine(self) -> wasmtime.Engine:
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
        )

    def instantiate(
        self,
        kernel: Kernel,
        environment: Mapping[str, str],
        memory_limit: int,
        packages: LoadedPackages | None,
        snapshot: LoadedSnapshot | None,
    ) -> PyodideInstance:
        memory = snapshot.memory if snapshot else None
        return PyodideInstance(self, kernel, environment, memory_limit, packages, memory)

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

    def create_linker(
        self, instance: CoreInstance, memory: GuestMemory, packages: LoadedPackages
    ) -> Linker:
        """A linker for the side modules of `packages`."""
        from hermetic_runtime.linking.core_symbols import core_symbols
        from hermetic_runtime.linking.linker import Linker  # for guests with packages only

        side_module = partial(self._side_module, packages)
        return Linker(instance, memory, packages.side_modules, side_module, core_symbols)


class PyodideInstance:
    """An `InterpreterInstance`."""

    def __init__(
        self,
        interpreter: PyodideInterpreter,
        kernel: Kernel,
        environment: Mapping[str, str],
        memory_limit: int,
        packages: LoadedPackages | None,
        memory: wasmtime.Module | None,
    ) -> None:
        self._interpreter = interpreter
        self._linker: Linker | None = None
        self._packages = packages
        self._instance = CoreInstance(interpreter.modules, memory_limit, memory)
        self._memory = GuestMemory(self._instance.map_memory)
        self._abi = EmscriptenABI(
            kernel,
            self._memory,
            environment=environment,
            program=python_api.PROGRAM,
            memory_limit=memory_limit,
            grow_by_pages=self._instance.grow_by_pages,
        )

    @property
    def store(self) -> GuestStore:
        return self._instance.store

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
        trampoline = self._start()
        self._python.boot(trampoline)
        agent = self._python.import_module("hermetic_guest.agent")
        prepare = self._python.attribute(agent, "prepare")
        if self._python.call_with_reserve(prepare, RESERVE_BYTES) is None:
            raise GuestMisbehaved("the guest could not be made ready")
        self._run = self._python.attribute(agent, "answer")

    def _start(self) -> int:
        """Instantiate the core; the slot of its call trampoline."""
        self._instance.start(self._abi.calls(self._interpreter.modules.host_names))
        core = self._instance.core
        self._abi.mappings.allocate_with(core.function("emscripten_builtin_memalign"))
        self._abi.signals.call_handlers_with(self._instance.call_slot)
        self._abi.signals.switch_at(core.global_value("Py_EMSCRIPTEN_SIGNAL_HANDLING"))
        self._prepare_linking(core)
        self._python = python_api.PythonAPI(core, self._memory)
        self._trampoline = self._instance.add_trampoline()
        return self._trampoline

    def _prepare_linking(self, core: Instance) -> None:
        calls = self._abi.linking
        calls.report_with({name: core.function(name) for name in _LINKING_FUNCTIONS})
        if self._packages is not None:
            self._linker = self._interpreter.create_linker(
                self._instance, self._memory, self._packages
            )
            calls.link_with(self._linker, python_api.SITE_PACKAGES)

    def save(self) -> dict[str, Any]:
        return {
            "globals": self._instance.global_values(),
            "trampoline": self._trampoline,
            "linker": self._linker.save() if self._linker else None,
            "opened": [*self._abi.linking.opened.items()],
            "run": self._run,
        }

    def memory_contents(self) -> bytes:
        return self._memory.read(0, self._memory.size)

    def map_memory(self) -> memoryview:
        return self._instance.map_memory()

    def limit_memory(self, size: int) -> None:
        self._instance.limit_memory(size)
        self._abi.memory.limit = size

    def grow_memory_to(self, size: int) -> bool:
        grown = self._instance.grow_by_pages((size - self._memory.size) // PAGE_BYTES)
        self._memory.refresh()
        return grown

    def resume(self, saved: Mapping[str, Any]) -> None:
        if self._start() != saved["trampoline"]:
            raise GuestMisbehaved("the snapshot does not fit this interpreter")
        if self._linker is not None and saved["linker"] is not None:
            self._linker.replay(saved["linker"])
        self._abi.linking.opened = dict(saved["opened"])
        self._instance.set_global_values(saved["globals"])
        self._run: int = saved["run"]

    def call(self, request: bytes) -> bytes | None:
        return self._python.call(self._run, request)

    def interrupt(self) -> None:
        self._abi.signals.interrupt()

    def clear_interrupt(self) -> None:
        self._abi.signals.clear()

    def close(self) -> None:
        self._memory.close()
        self._instance.close()
