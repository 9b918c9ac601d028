"""Machines that guests have left, rewound to the snapshot that they started from.

What one guest costs is mostly pages: each that it writes to is copied, after a fault, and
given back when its memory is freed. A machine that is used again keeps them, with the
contents that they had in the snapshot, and is linked already.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hermetic_runtime.bindings import Engine, GuestStore, Module, instantiate, memory_bytes
from hermetic_runtime.interpreters.machine import Machine
from hermetic_runtime.limits import MIB
from hermetic_runtime.snapshots.written_pages import written_ranges

if TYPE_CHECKING:
    from hermetic_runtime.snapshots.stored import SavedGuest

_MOST_BYTES = 16 * MIB
"""A machine that keeps more memory than this is closed."""


class RewoundMachines:
    """Of one snapshot: at most one machine waits for its next guest. Any thread may call.

    A machine is all that code of a guest can change. Linear memory is rewound here, and
    globals are set whenever a guest is resumed. The function table changes only when modules
    are linked: code that changes it is refused when a side module is prepared, and the cores
    have none. (Pyodide's has tables of references to JavaScript as well, which only functions
    that take such a reference add to, and there are none.) A guest that trapped, or that changed
    the size of anything, leaves a machine that is not rewound but closed.
    """

    def __init__(self, engine: Engine, memory: Module, guest: SavedGuest) -> None:
        """`memory` is the snapshot's memory module, `guest` the rest of it."""
        self._engine = engine
        self._module = memory
        self._guest = guest
        self._store: GuestStore | None = None
        self._waiting: Machine | None = None
        self._lock = threading.Lock()

    def take(self) -> Machine | None:
        """A machine to resume a guest on, if one waits."""
        with self._lock:
            machine, self._waiting = self._waiting, None
        return machine

    def give(self, machine: Machine) -> None:
        """Rewind a machine, whose guest ended well and started from this snapshot, and keep
        it; close it when that can't be done or another one waits.
        """
        if not (self._waiting is None and self._rewind(machine)):
            machine.close()
            return
        with self._lock:
            overtaken, self._waiting = self._waiting, machine
        if overtaken is not None:
            overtaken.close()

    def _rewind(self, machine: Machine) -> bool:
        pristine, memory = self.original(), machine.map_memory()
        if not machine.differs_in_memory_only() or len(memory) != len(pristine):
            return False
        ranges = written_ranges(memory)
        if ranges is None or sum(end - start for start, end in ranges) > _MOST_BYTES:
            return False
        for start, end in ranges:
            memory[start:end] = pristine[start:end]
        return True

    def original(self) -> memoryview:
        """The snapshot's memory, mapped once more, and for as long as this object lives. It must
        not be written to.
        """
        with self._lock:
            if self._store is None:
                store = GuestStore(self._engine)
                memory = instantiate(store, self._module, []).export("memory")
                self._memory, self._store = memory_bytes(store, memory), store
                self._guest.put_last_page(self._memory)
            return self._memory
