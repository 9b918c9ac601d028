"""What a guest asks of an interpreter, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from hermetic_runtime.bindings import Engine, GuestStore
from hermetic_runtime.compilation import Metering
from hermetic_runtime.interpreters.machine import Machine
from hermetic_runtime.kernel.image import ImageFilesystem
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.packages.loaded import LoadedPackages
from hermetic_runtime.snapshots.stored import LoadedSnapshot


class InterpreterInstance(Protocol):
    """One CPython in a store of its own. Not to be used again after a trap: guest code
    may still run in it, in a state that nothing vouches for.

    `memory_refused` is set when the guest asked for more memory than its limit, and
    may be reset. `interrupt` may be called from any thread; nothing else may.
    """

    @property
    def store(self) -> GuestStore: ...

    @property
    def memory_bytes(self) -> int:
        """The present size of linear memory."""
        ...

    @property
    def memory_refused(self) -> bool: ...

    @memory_refused.setter
    def memory_refused(self, refused: bool) -> None: ...

    def boot(self) -> None:
        """Start CPython and make the guest's agent ready.

        Raises what a broken preparation makes it raise: `GuestMisbehaved`,
        `Trap`, `WasmtimeError`.
        """
        ...

    def make_room(self, size: int) -> None:
        """Have linear memory grow now rather than when its guest takes the next `size` bytes."""
        ...

    def save(self) -> dict[str, Any]:
        """Everything but linear memory that `resume` needs. Not while a call is under way."""
        ...

    def memory_contents(self) -> bytes:
        """A copy of linear memory."""
        ...

    def map_memory(self) -> memoryview:
        """Linear memory itself, as it is now. To be dropped before it grows or is closed."""
        ...

    def limit_memory(self, size: int) -> None:
        """From now on linear memory may have at most `size` bytes."""
        ...

    def grow_memory_to(self, size: int) -> bool:
        """Grow to `size` bytes, whole pages. False when the memory's limit forbids it."""
        ...

    def resume(self, saved: Mapping[str, Any]) -> None:
        """On a machine over a snapshot's memory, go on where `save` was called.

        Raises `GuestMisbehaved` when the instance is not laid out as it was then.
        """
        ...

    def call(self, request: bytes) -> bytes | None:
        """Hand a request to the agent; its answer, or None if it had no memory for one."""
        ...

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the guest soon."""
        ...

    def clear_interrupt(self) -> None:
        """Forget an interrupt that came too late for the run it was meant for."""
        ...

    def leave(self) -> Machine:
        """End the guest. Its machine is to be closed, or rewound for another one."""
        ...


class LoadedInterpreter(Protocol):
    """Compiled code and library of an interpreter. It has never run a guest, and
    starts no threads: a process that has loaded one can be forked.

    `description` is its name and version, `library` what guests find at /lib, `site_packages`
    the path at which they find a package set, and `most_memory_pages` the size in pages
    of 64 KiB that its memory may be declared to grow to.
    """

    @property
    def description(self) -> str: ...

    @property
    def metering(self) -> Metering: ...

    @property
    def engine(self) -> Engine: ...

    @property
    def library(self) -> ImageFilesystem: ...

    @property
    def most_memory_pages(self) -> int: ...

    @property
    def site_packages(self) -> str: ...

    def map_side_modules(self, packages: LoadedPackages) -> None:
        """Map the extension modules that guests with `packages` can load."""
        ...

    def instantiate(
        self,
        kernel: Kernel,
        environment: Mapping[str, str],
        memory_limit: int,
        packages: LoadedPackages | None,
        snapshot: LoadedSnapshot | None,
        machine: Machine | None = None,
    ) -> InterpreterInstance:
        """An instance that is to be booted, or with a `snapshot` resumed, on a `machine` that
        was rewound to it or on a new one. `memory_limit` is in bytes, of a new one.
        """
        ...
