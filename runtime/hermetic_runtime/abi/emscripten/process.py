"""The guest as a process: its environment, its end, its signals and its memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hermetic_runtime.abi.binding import provides, syscall
from hermetic_runtime.abi.memory import PAGE_BYTES, GuestMemory
from hermetic_runtime.abi.surroundings import SurroundingsCalls
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.stops import Aborted

_SIGINT = 2
_GROWTH_STEP = 1024 * 1024
"""Bytes of linear memory added at the least: growing costs a host call and a new view."""


class ProcessCalls(SurroundingsCalls):
    """Environment, exit, abort, random numbers and odds and ends of a process."""

    def __init__(
        self, kernel: Kernel, memory: GuestMemory, environment: Mapping[str, str], program: str
    ) -> None:
        super().__init__(kernel, memory, environment)
        self._program = program.encode()

    @provides("exit", "i")
    def exit_without_wasi(self, status: int) -> None:
        self.exit(status)

    @provides("_abort_js", "")
    def abort(self) -> None:
        raise Aborted("the interpreter called abort()")

    @provides("__assert_fail", "ppip")
    def assertion_failed(self, condition: int, file: int, line: int, _function: int) -> None:
        raise Aborted(f"assertion failed: {self._text(condition)} ({self._text(file)}:{line})")

    def _text(self, address: int) -> str:
        try:
            return self._memory.c_string(address, 256).decode("utf-8", "replace")
        except Failure:
            return "?"

    @provides("_emscripten_get_progname", "pi")
    def program_name(self, buffer: int, size: int) -> None:
        if size > 0:
            self._memory.write(buffer, self._program[: size - 1] + b"\0")

    @provides("_emscripten_system", "p", "i")
    def system(self, command: int) -> int:
        return -Errno.ENOSYS if command else 0

    @provides("_Py_emscripten_runtime", "", "p")
    def runtime_name(self) -> int:
        """No text: `sys._emscripten_info.runtime` is None."""
        return 0

    @syscall("getuid32_js", "")
    def user(self) -> int:
        return self._kernel.uid

    @provides("emscripten_runtime_keepalive_push", "")
    @provides("emscripten_runtime_keepalive_pop", "")
    @provides("_emscripten_runtime_keepalive_clear", "")
    def keep_alive(self) -> None:
        """The host decides how long the runtime lives."""

    @provides("_emscripten_log_formatted", "pp")
    def log(self, _flags: int, text: int) -> None:
        self._kernel.write(2, self._memory.c_string(text, PAGE_BYTES) + b"\n")


class SignalCalls:
    """How the host interrupts a running guest.

    CPython for Emscripten looks at `Py_EMSCRIPTEN_SIGNAL_HANDLING` about every 50
    bytecode breaks, and asks for a signal only while that word is not zero
    (Python/emscripten_signal.c). So an interrupt costs nothing until there is one.
    """

    def __init__(self, memory: GuestMemory) -> None:
        self._memory = memory
        self._switch = 0
        self._call_slot: Callable[[int, int], None] | None = None

    def switch_at(self, address: int) -> None:
        """Say where `Py_EMSCRIPTEN_SIGNAL_HANDLING` is."""
        self._switch = address

    def interrupt(self) -> None:
        """Make the guest ask for a signal soon. Any thread may call this."""
        if self._switch:
            self._memory.write_u32(self._switch, 1)

    def clear(self) -> None:
        """Forget an interrupt that came too late for the run it was meant for."""
        if self._switch:
            self._memory.write_u32(self._switch, 0)

    def call_handlers_with(self, call_slot: Callable[[int, int], None]) -> None:
        """Give the way to call a function by its slot in the table, types checked."""
        self._call_slot = call_slot

    @provides("__call_sighandler", "pi")
    def call_handler(self, slot: int, number: int) -> None:
        if self._call_slot is not None:
            self._call_slot(slot, number)

    @provides("_Py_CheckEmscriptenSignals_Helper", "", "i")
    def next_signal(self) -> int:
        self._memory.write_u32(self._switch, 0)
        return _SIGINT


class MemoryCalls:
    """Growth of linear memory, which is where the memory limit binds."""

    def __init__(
        self, memory: GuestMemory, limit_bytes: int, grow_by_pages: Callable[[int], bool]
    ) -> None:
        self._memory = memory
        self.limit = limit_bytes
        self._grow_by_pages = grow_by_pages
        self.refused = False

    @provides("emscripten_get_heap_max", "", "p")
    def heap_max(self) -> int:
        return min(self.limit, 0xFFFF0000)

    @provides("emscripten_resize_heap", "p", "i")
    def resize_heap(self, requested: int) -> int:
        """1 when memory is now at least `requested` bytes, else 0 (emscripten/heap.h)."""
        if requested <= self._memory.size:
            return 1
        wanted = max(requested, min(self._memory.size + _GROWTH_STEP, self.limit))
        pages = -(-wanted // PAGE_BYTES) - self._memory.size // PAGE_BYTES
        if requested > self.limit or not self._grow_by_pages(pages):
            self.refused = True
            return 0
        self._memory.refresh()
        return 1
