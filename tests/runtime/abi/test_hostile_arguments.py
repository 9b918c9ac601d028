"""Every host function under arguments that no sound interpreter passes.

A host function may fail with an errno, raise `Failure` (which ends the guest) or end it
with a `GuestStop`. Anything else would be a fault of ours. What it writes must stay
inside guest memory, which here is a buffer between two guards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from known_input import KnownInput

from hermetic_runtime.abi.emscripten import EmscriptenABI, emscripten_declarations
from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.abi.wasi import WasiABI, wasi_declarations
from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.constants import O_CREAT, O_RDWR
from hermetic_runtime.kernel.devices import DeviceFilesystem
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.memory import MemoryFilesystem
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.kernel.stops import GuestStop
from hermetic_runtime.kernel.streams import OutputBudget, OutputStream
from hermetic_runtime.kernel.wakeup import Wakeup

SIZE = 65_536
GUARD = b"\xa5" * 4096
PATHS = (b"/tmp\0", b"/dev/null\0", b"\0", b"a/../../b\0", b"/tmp/file\0", b"\xff\xfe/\0")

pointers = st.one_of(
    st.integers(0, 255),
    st.integers(SIZE - 300, SIZE + 8),
    st.sampled_from([0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF8]),
    st.integers(0, 0xFFFFFFFF),
)
integers = st.one_of(
    st.integers(-4, 8),
    st.sampled_from([-100, 2**31 - 1, -(2**31), 1024, 4096, 65_536, 0o777]),
    st.integers(-(2**31), 2**31 - 1),
)
longs = st.one_of(
    st.integers(-3, 100), st.sampled_from([2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1)
)
doubles = st.floats(allow_nan=True, allow_infinity=True)
ARGUMENTS = {"p": pointers, "i": integers, "l": longs, "d": doubles}
DECLARED = {"emscripten": emscripten_declarations(), "wasi": wasi_declarations()}
EMSCRIPTEN = sorted(DECLARED["emscripten"])
ALL = [(abi, name) for abi, declared in DECLARED.items() for name in sorted(declared)]


@dataclass
class Guest:
    abis: dict[str, EmscriptenABI | WasiABI]
    whole: bytearray

    def function(self, abi: str, name: tuple[str, str]) -> Callable[..., Any]:
        (function,) = self.abis[abi].calls((name,))
        return function

    def guards_are_intact(self) -> bool:
        return self.whole[: len(GUARD)] == GUARD and self.whole[-len(GUARD) :] == GUARD


@pytest.fixture
def guest() -> Iterator[Guest]:
    whole = bytearray(GUARD + bytes(SIZE) + GUARD)

    def map_memory() -> memoryview:
        return memoryview(whole)[len(GUARD) : len(GUARD) + SIZE]

    inside = map_memory()
    position = 0
    for path in PATHS:
        inside[position : position + len(path)] = path
        position += 40
    quota = Quota(1024 * 1024, 100)
    budget = OutputBudget(100_000)
    wakeup = Wakeup()
    wakeup.deadline = 0.0
    kernel = Kernel(
        mounts={b"/": MemoryFilesystem(quota), b"/dev": DeviceFilesystem()},
        quota=quota,
        open_files=16,
        stdin=KnownInput(b"input"),
        stdout=OutputStream("stdout", budget, lambda *_: None),
        stderr=OutputStream("stderr", budget, lambda *_: None),
        wakeup=wakeup,
        clock=Clock(),
        cwd=b"/",
    )
    kernel.mkdir(-100, b"/tmp", 0o777)
    kernel.write(kernel.open(-100, b"/tmp/file", O_CREAT | O_RDWR, 0o666), b"contents" * 100)
    memory = GuestMemory(map_memory)
    emscripten = EmscriptenABI(
        kernel,
        memory,
        environment={"NAME": "value"},
        program="/bin/python3",
        memory_limit=SIZE,
        grow_by_pages=lambda _: False,
    )
    emscripten.mappings.allocate_with(lambda _, size: 4096 if size < SIZE // 2 else 0)
    wasi = WasiABI(kernel, memory, environment={"NAME": "value"}, program="/bin/python3")
    yield Guest({"emscripten": emscripten, "wasi": wasi}, whole)
    kernel.close_all()


@pytest.mark.parametrize(("abi", "name"), ALL, ids=lambda it: it if isinstance(it, str) else it[1])
def test_any_arguments_end_in_an_answer_or_a_stop(
    guest: Guest, abi: str, name: tuple[str, str]
) -> None:
    function = guest.function(abi, name)
    signature = DECLARED[abi][name].signature

    @settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(st.tuples(*(ARGUMENTS[kind] for kind in signature.parameters)))
    def call(arguments: tuple[int | float, ...]) -> None:
        try:
            result = function(*arguments)
        except (Failure, GuestStop):
            result = 0
        assert guest.guards_are_intact()
        if signature.result in ("i", "p", "l"):
            assert isinstance(result, int)
            assert -(2**63) <= result < 2**63
        elif signature.result == "d":
            assert isinstance(result, float | int)

    call()


@pytest.mark.parametrize("name", [name for name in EMSCRIPTEN if name[1].startswith("__syscall_")])
def test_a_failing_system_call_answers_with_a_known_errno(
    guest: Guest, name: tuple[str, str]
) -> None:
    function = guest.function("emscripten", name)
    kinds = DECLARED["emscripten"][name].signature.parameters
    known = {-errno for errno in Errno}
    for value in (-1, 0, 7, 0x7FFFFFFF):
        arguments = [value & 0xFFFFFFFF if kind == "p" else value for kind in kinds]
        try:
            answer = function(*arguments)
        except GuestStop:
            continue
        assert answer >= 0 or answer in known
