"""What a guest runs on: a store, its linear memory, and the interpreter's code over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hermetic_runtime.bindings import (
    Engine,
    Extern,
    GuestStore,
    Instance,
    Module,
    grow_memory,
    instantiate,
    memory_bytes,
)


class Machine:
    """One instance of an interpreter, alone in its store.

    Made in two steps, because the host functions work on the memory: first the store
    and its memory, then the core. Not to be used again after a trap: guest code may still
    run in it, in a state that nothing vouches for.
    """

    most_table_elements = 100_000

    def __init__(self, engine: Engine, memory: Module, memory_limit: int) -> None:
        """`memory` is the module of the linear memory, `memory_limit` in bytes."""
        self.store = GuestStore(engine)
        self.limit_memory(memory_limit)
        self.memory: Extern = instantiate(self.store, memory, []).export("memory")
        self._core: Instance | None = None

    @property
    def has_started(self) -> bool:
        return self._core is not None

    @property
    def core(self) -> Instance:
        """The core's exports. Raises `RuntimeError` before there is one."""
        if self._core is None:
            raise RuntimeError("the instance has not been started")
        return self._core

    @core.setter
    def core(self, core: Instance) -> None:
        self._core = core

    def limit_memory(self, size: int) -> None:
        """From now on linear memory may have at most `size` bytes."""
        self.store.set_limits(
            memory_bytes=size, table_elements=self.most_table_elements, memories=1
        )

    def map_memory(self) -> memoryview:
        return memory_bytes(self.store, self.memory)

    def grow_by_pages(self, pages: int) -> bool:
        return grow_memory(self.store, self.memory, pages)

    def global_values(self, names: Iterable[str]) -> dict[str, int]:
        """Of mutable globals: the state that is neither in memory nor in tables."""
        return {name: self.core.global_value(name) for name in names}

    def set_global_values(self, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            self.core.set_global(name, value)

    def differs_in_memory_only(self) -> bool:
        """Whether it is but for memory and globals as it was when its guest was resumed."""
        return True

    def close(self) -> None:
        """Free the guest's memory and everything else it holds."""
        self.store.close()
