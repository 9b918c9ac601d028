"""The imports of an Emscripten build of CPython, answered by the kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hermetic_runtime.abi.binding import Declaration, calls, declarations
from hermetic_runtime.abi.emscripten.absent import AbsentCalls
from hermetic_runtime.abi.emscripten.descriptors import DescriptorCalls
from hermetic_runtime.abi.emscripten.dynamic_linking import DynamicLinkingCalls
from hermetic_runtime.abi.emscripten.files import FileCalls
from hermetic_runtime.abi.emscripten.mappings import MappingCalls
from hermetic_runtime.abi.emscripten.process import MemoryCalls, ProcessCalls, SignalCalls
from hermetic_runtime.abi.emscripten.time import TimeCalls
from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.kernel.kernel import Kernel

__all__ = ["EmscriptenABI", "emscripten_declarations"]

_GROUPS = (
    AbsentCalls,
    DescriptorCalls,
    DynamicLinkingCalls,
    FileCalls,
    MappingCalls,
    MemoryCalls,
    ProcessCalls,
    SignalCalls,
    TimeCalls,
)


def emscripten_declarations() -> dict[tuple[str, str], Declaration]:
    """Every import that `EmscriptenABI` answers, by (module, name)."""
    return {
        (declaration.module, declaration.name): declaration
        for group in _GROUPS
        for _, declaration in declarations(group)
    }


class EmscriptenABI:
    """The host's side of one guest."""

    def __init__(
        self,
        kernel: Kernel,
        memory: GuestMemory,
        *,
        environment: Mapping[str, str],
        program: str,
        memory_limit: int,
        grow_by_pages: Callable[[int], bool],
    ) -> None:
        self.linking = DynamicLinkingCalls(kernel, memory)
        self.mappings = MappingCalls(kernel, memory)
        self.memory = MemoryCalls(memory, memory_limit, grow_by_pages)
        self.signals = SignalCalls(memory)
        self._groups: Sequence[object] = (
            AbsentCalls(),
            DescriptorCalls(kernel, memory),
            self.linking,
            FileCalls(kernel, memory),
            self.mappings,
            self.memory,
            ProcessCalls(kernel, memory, environment, program),
            self.signals,
            TimeCalls(kernel, memory),
        )

    def calls(self, names: tuple[tuple[str, str], ...]) -> list[Callable[..., Any]]:
        """The host's side of imports, in the order of their (module, name). Raises `KeyError`."""
        return calls(self._groups, names)
