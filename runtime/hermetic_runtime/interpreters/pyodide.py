"""The stock Pyodide core as an interpreter of guests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import wasmtime

from hermetic_runtime.abi.emscripten import EmscriptenABI, emscripten_declarations
from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.compilation import MIB, Metering
from hermetic_runtime.engine import create_engine
from hermetic_runtime.errors import GuestMisbehaved
from hermetic_runtime.interpreters import python_api
from hermetic_runtime.interpreters.core_instance import CoreInstance, CoreModules
from hermetic_runtime.kernel.image import ImageFilesystem
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.packages.loaded import LoadedPackages
from hermetic_runtime.prepared import Manifest
from hermetic_runtime.wasmtime_ffi import GuestStore

RESERVE_BYTES = 4 * MIB
"""Memory that the guest's agent keeps back, to answer with when all else is taken."""


@dataclass(frozen=True, slots=True)
class PyodideInterpreter:
    """A `LoadedInterpreter`."""

    description: str
    metering: Metering
    library: ImageFilesystem
    modules: CoreModules

    @property
    def engine(self) -> wasmtime.Engine:
        return self.modules.engine

    @property
    def site_packages(self) -> str:
        return python_api.SITE_PACKAGES

    @classmethod
    def load(cls, directory: Path, manifest: Manifest) -> PyodideInterpreter:
        """Raises what a damaged directory makes it raise."""
        metering = Metering(manifest["metering"])
        signatures = {declared.signature for declared in emscripten_declarations().values()}
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
    ) -> PyodideInstance:
        return PyodideInstance(self, kernel, environment, memory_limit)


class PyodideInstance:
    """An `InterpreterInstance`."""

    def __init__(
        self,
        interpreter: PyodideInterpreter,
        kernel: Kernel,
        environment: Mapping[str, str],
        memory_limit: int,
    ) -> None:
        self._instance = CoreInstance(interpreter.modules, memory_limit)
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
        self._instance.start(self._abi.host_functions())
        core = self._instance.core
        self._abi.mappings.allocate_with(core.function("emscripten_builtin_memalign"))
        self._abi.signals.call_handlers_with(self._instance.call_slot)
        self._python = python_api.PythonAPI(self._instance, self._memory)
        self._python.boot()
        self._abi.signals.switch_at(core.global_value("Py_EMSCRIPTEN_SIGNAL_HANDLING"))
        agent = self._python.import_module("hermetic_guest.agent")
        prepare = self._python.attribute(agent, "prepare")
        if self._python.call_with_reserve(prepare, RESERVE_BYTES) is None:
            raise GuestMisbehaved("the guest could not be made ready")
        self._run = self._python.attribute(agent, "run")

    def call(self, request: bytes) -> bytes | None:
        return self._python.call(self._run, request)

    def interrupt(self) -> None:
        self._abi.signals.interrupt()

    def clear_interrupt(self) -> None:
        self._abi.signals.clear()

    def close(self) -> None:
        self._memory.close()
        self._instance.close()
