"""The guest as a process: arguments, environment, random numbers, its end."""

from __future__ import annotations

from collections.abc import Mapping

from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.abi.surroundings import SurroundingsCalls
from hermetic_runtime.abi.wasi.results import preview1
from hermetic_runtime.kernel.kernel import Kernel


class ProcessCalls(SurroundingsCalls):
    """There is one argument, the program's name: the agent sets `sys.argv` for each run."""

    def __init__(
        self, kernel: Kernel, memory: GuestMemory, environment: Mapping[str, str], program: str
    ) -> None:
        super().__init__(kernel, memory, environment)
        self._program = program.encode() + b"\0"

    @preview1("args_sizes_get", "pp")
    def argument_sizes(self, count: int, size: int) -> None:
        self._memory.write_u32(count, 1)
        self._memory.write_u32(size, len(self._program))

    @preview1("args_get", "pp")
    def arguments(self, pointers: int, buffer: int) -> None:
        self._memory.write_u32(pointers, buffer)
        self._memory.write(buffer, self._program)

    @preview1("sched_yield", "")
    def give_way(self) -> None:
        """There is nobody to give way to."""
