"""Host functions of both ABIs, called as an interpreter that was taken over would call them.

A call may answer, fail with an errno, raise `Failure` (which ends the guest) or end it with
a `GuestStop`. Nothing else may come out of it, no access may reach outside of the memory,
which lies between guards here, and no limit may be passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Protocol

from guest_arguments import GuestArguments
from guest_kernels import OddLinker, WatchedKernel, hosted_folder

from hermetic_runtime.abi.binding import Declaration
from hermetic_runtime.abi.emscripten import EmscriptenABI, emscripten_declarations
from hermetic_runtime.abi.memory import PAGE_BYTES, GuestMemory
from hermetic_runtime.abi.wasi import WasiABI, wasi_declarations
from hermetic_runtime.kernel.errno import Failure
from hermetic_runtime.kernel.stops import GuestStop

MOST_PAGES = 3
ENVIRONMENT = {"NAME": "value", "EMPTY": ""}
_GUARD = b"\xa5" * PAGE_BYTES
_CALLS_BETWEEN_CHECKS = 64


class Fault(NamedTuple):
    """What must not be, and the call after which it was seen."""

    call: str
    what: str


class HostFunction(NamedTuple):
    """What an import is declared as, and what answers it for one guest."""

    declaration: Declaration
    call: Callable[..., Any]


def host_functions(emscripten: EmscriptenABI, wasi: WasiABI) -> list[HostFunction]:
    """All of both ABIs of one guest, in the order of their declarations."""
    return [
        HostFunction(declaration, call)
        for abi, declared in ((emscripten, emscripten_declarations()), (wasi, wasi_declarations()))
        for declaration, call in zip(declared.values(), abi.calls((*declared,)), strict=True)
    ]


class WatchedMemory(GuestMemory):
    """Guest memory that tells an address below zero, which a slice would take from the end."""

    __slots__ = ()

    def check(self, address: int, length: int) -> None:
        assert address >= 0 and length >= 0
        super().check(address, length)

    def read(self, address: int, length: int) -> bytes:
        assert address >= 0
        return super().read(address, length)

    def write(self, address: int, data: bytes | memoryview) -> None:
        assert address >= 0
        super().write(address, data)

    def read_u32(self, address: int) -> int:
        assert address >= 0
        return super().read_u32(address)

    def read_i32(self, address: int) -> int:
        assert address >= 0
        return super().read_i32(address)

    def write_u32(self, address: int, value: int) -> None:
        assert address >= 0
        super().write_u32(address, value)

    def write_u64(self, address: int, value: int) -> None:
        assert address >= 0
        super().write_u64(address, value)

    def c_string(self, address: int, limit: int = 4096) -> bytes:
        assert address >= 0
        return super().c_string(address, limit)


class CalledGuest(Protocol):
    """A guest whose host functions can be called with made-up arguments."""

    arguments: GuestArguments
    functions: list[HostFunction]

    def call(self, function: HostFunction) -> Fault | None: ...

    def broken_bounds(self) -> str | None:
        """What was reached that must not be, if anything was."""
        ...

    def close(self) -> str | None:
        """What was done to the folder of the host, if anything was."""
        ...


class FuzzedGuest:
    """Both ABIs over one kernel and one memory."""

    def __init__(self, choices: Random, folder: Path) -> None:
        self._pages = 1
        self._whole = bytearray(_GUARD + bytes(MOST_PAGES * PAGE_BYTES) + _GUARD)
        self._watched = WatchedKernel(folder)
        self.arguments = GuestArguments(choices, self._map_memory)
        self.arguments.fill_texts()
        memory, pointer = WatchedMemory(self._map_memory), self.arguments.pointer
        emscripten = EmscriptenABI(
            self._watched.kernel,
            memory,
            environment=ENVIRONMENT,
            program="/bin/python3",
            memory_limit=MOST_PAGES * PAGE_BYTES,
            grow_by_pages=self._grow,
        )
        emscripten.mappings.allocate_with(lambda *_: pointer())
        emscripten.linking.report_with(
            {"malloc": lambda *_: pointer(), "free": lambda *_: 0, "__dl_seterr": lambda *_: 0}
        )
        emscripten.linking.link_with(OddLinker(), "/tmp")
        emscripten.signals.call_handlers_with(lambda *_: None)
        wasi = WasiABI(self._watched.kernel, memory, environment=ENVIRONMENT, program="python")
        self.functions = host_functions(emscripten, wasi)

    def _map_memory(self) -> memoryview:
        return memoryview(self._whole)[len(_GUARD) : len(_GUARD) + self._pages * PAGE_BYTES]

    def _grow(self, pages: int) -> bool:
        if not 0 <= pages <= MOST_PAGES - self._pages:
            return False
        self._pages += pages
        return True

    def call(self, function: HostFunction) -> Fault | None:
        """Call a function with arguments made up for its signature."""
        signature = function.declaration.signature
        arguments = self.arguments.of(signature)
        try:
            result = function.call(*arguments)
        except (Failure, GuestStop):
            return None
        except Exception as error:
            return Fault(shown(function, arguments), f"{type(error).__name__}: {error}")
        if not is_of_kind(result, signature.result):
            return Fault(shown(function, arguments), f"the result {result!r}")
        return None

    def broken_bounds(self) -> str | None:
        behind = len(_GUARD) + self._pages * PAGE_BYTES
        room = (MOST_PAGES - self._pages) * PAGE_BYTES
        if self._whole[: len(_GUARD)] != _GUARD or self._whole[-len(_GUARD) :] != _GUARD:
            return "a guard beside the memory was written to"
        if any(self._whole[behind : behind + room]):
            return "memory was written that the guest has not"
        return self._watched.broken_bounds()

    def close(self) -> str | None:
        return self._watched.close()


def shown(function: HostFunction, arguments: list[int | float]) -> str:
    """A call, for a report."""
    return f"{function.declaration.name}({', '.join(map(str, arguments))})"


def is_of_kind(result: object, kind: str) -> bool:
    """Whether a result is one that its kind, as in `Signature`, has room for."""
    if kind == "d":
        return isinstance(result, int | float)
    if kind:
        bits = 64 if kind == "l" else 32
        return isinstance(result, int) and -(2 ** (bits - 1)) <= result < 2**bits
    return True


def fuzz_guest(
    choices: Random,
    calls: int,
    counted: Counter[str] | None = None,
    guest_of: Callable[[Random, Path], CalledGuest] = FuzzedGuest,
) -> list[Fault]:
    """Make so many calls to one guest, counted by name, and return what must not be."""
    faults: list[Fault] = []
    with hosted_folder() as folder:
        guest = guest_of(choices, folder)
        recent: list[str] = []
        for number in range(1, calls + 1):
            function = choices.choice(guest.functions)
            name = f"{function.declaration.module}.{function.declaration.name}"
            recent.append(name)
            if (fault := guest.call(function)) is not None:
                faults.append(fault)
            if counted is not None:
                counted[name] += 1
            if number % _CALLS_BETWEEN_CHECKS == 0 or number == calls:
                if (broken := guest.broken_bounds()) is not None:
                    return [*faults, Fault(f"one of {', '.join(recent)}", broken)]
                recent.clear()
                guest.arguments.fill_structures()
        if (changed := guest.close()) is not None:
            faults.append(Fault("some call", changed))
    return faults
