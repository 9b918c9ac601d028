"""The imports of a WASI preview1 build of CPython, answered by the kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hermetic_runtime.abi.binding import Declaration, calls, declarations
from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.abi.wasi.absent import AbsentCalls
from hermetic_runtime.abi.wasi.descriptors import DescriptorCalls
from hermetic_runtime.abi.wasi.directories import DirectoryCalls
from hermetic_runtime.abi.wasi.paths import PathCalls
from hermetic_runtime.abi.wasi.process import ProcessCalls
from hermetic_runtime.abi.wasi.waiting import WaitingCalls
from hermetic_runtime.kernel.kernel import Kernel

__all__ = ["WasiABI", "wasi_declarations"]

_GROUPS = (AbsentCalls, DescriptorCalls, DirectoryCalls, PathCalls, ProcessCalls, WaitingCalls)


def wasi_declarations() -> dict[tuple[str, str], Declaration]:
    """Every import that `WasiABI` answers, by (module, name)."""
    return {
        (declaration.module, declaration.name): declaration
        for group in _GROUPS
        for _, declaration in declarations(group)
    }


class WasiABI:
    """The host's side of one guest. Its root directory is opened as descriptor 3."""

    def __init__(
        self, kernel: Kernel, memory: GuestMemory, *, environment: Mapping[str, str], program: str
    ) -> None:
        self._groups: Sequence[object] = (
            AbsentCalls(),
            DescriptorCalls(kernel, memory),
            DirectoryCalls(kernel, memory),
            PathCalls(kernel, memory),
            ProcessCalls(kernel, memory, environment, program),
            WaitingCalls(kernel, memory),
        )

    def calls(self, names: tuple[tuple[str, str], ...]) -> list[Callable[..., Any]]:
        """The host's side of imports, in the order of their (module, name). Raises `KeyError`."""
        return calls(self._groups, names)
