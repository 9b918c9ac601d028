"""What a guest asks of its surroundings: WASI preview1 functions that Emscripten takes as well."""

from __future__ import annotations

from collections.abc import Mapping

from hermetic_runtime.abi.binding import provides, wasi
from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.stops import Exited

_RANDOM_CHUNK = 1024 * 1024
_CLOCK_REALTIME, _CLOCK_MONOTONIC, _CLOCK_PROCESS, _CLOCK_THREAD = 0, 1, 2, 3


class SurroundingsCalls:
    """Environment, random numbers, and the end of the process."""

    def __init__(self, kernel: Kernel, memory: GuestMemory, environment: Mapping[str, str]) -> None:
        self._kernel = kernel
        self._memory = memory
        self._environment = [
            f"{name}={value}".encode("utf-8", "surrogateescape") + b"\0"
            for name, value in environment.items()
        ]

    @wasi("environ_sizes_get", "pp")
    def environment_sizes(self, count: int, size: int) -> None:
        self._memory.write_u32(count, len(self._environment))
        self._memory.write_u32(size, sum(map(len, self._environment)))

    @wasi("environ_get", "pp")
    def environment(self, pointers: int, buffer: int) -> None:
        for index, entry in enumerate(self._environment):
            self._memory.write_u32(pointers + 4 * index, buffer)
            self._memory.write(buffer, entry)
            buffer += len(entry)

    @wasi("random_get", "pp")
    def random(self, buffer: int, size: int) -> None:
        self._memory.check(buffer, size)
        for done in range(0, size, _RANDOM_CHUNK):
            piece = self._kernel.random(min(_RANDOM_CHUNK, size - done))
            self._memory.write(buffer + done, piece)

    @provides("proc_exit", "i", module="wasi_snapshot_preview1")
    def exit(self, status: int) -> None:
        raise Exited(status & 0xFF)


class ClockCalls:
    """Reading clocks."""

    def __init__(self, kernel: Kernel, memory: GuestMemory) -> None:
        self._kernel = kernel
        self._memory = memory

    @wasi("clock_time_get", "ilp")
    def clock_time(self, clock: int, _precision: int, result: int) -> None:
        self._memory.write_u64(result, self._read_clock(clock))

    @wasi("clock_res_get", "ip")
    def clock_resolution(self, clock: int, result: int) -> None:
        self._read_clock(clock)
        self._memory.write_u64(result, self._kernel.clock.resolution_ns)

    def _read_clock(self, clock: int) -> int:
        if clock == _CLOCK_REALTIME:
            return self._kernel.clock.wall_ns()
        if clock == _CLOCK_MONOTONIC:
            return self._kernel.clock.monotonic_ns()
        if clock in (_CLOCK_PROCESS, _CLOCK_THREAD):
            return self._kernel.clock.cpu_ns()
        raise Failure(Errno.EINVAL)
