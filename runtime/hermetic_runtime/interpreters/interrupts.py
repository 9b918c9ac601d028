"""Interrupting a CPython that asks its host nothing: by what a signal leaves in memory.

`PyErr_SetInterruptEx` does no more than set flags (is_tripped, the handler's own flag, and
a bit of the main thread's eval breaker). Which bits these are is seen by calling it once
and comparing memory, so no struct layout of CPython is known here. Setting the same bits
from any thread is then an interrupt, at no cost to the guest until there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.errors import GuestMisbehaved
from hermetic_runtime.kernel.errno import Failure

_SIGINT = 2
_CHUNK_BYTES = 65_536
_MOST_BITS = 8


class InterruptSwitch:
    """`bits` are addresses of bytes, each with the bits to set there.

    The guest may change the same bytes at the same time, so an interrupt can be lost:
    whoever interrupts must have another way as well, or do it again.
    """

    def __init__(self, memory: GuestMemory, bits: Iterable[tuple[int, int]]) -> None:
        self._memory = memory
        self.bits = [(address, mask) for address, mask in bits]

    def set(self) -> None:
        """Have KeyboardInterrupt raised soon. Any thread may call this."""
        try:
            for address, mask in self.bits:
                before = self._memory.read(address, 1)[0]
                self._memory.write(address, bytes((before | mask,)))
        except Failure:
            return  # the guest has been closed meanwhile

    def clear(self) -> None:
        """Forget an interrupt that was not noticed."""
        for address, mask in self.bits:
            before = self._memory.read(address, 1)[0]
            self._memory.write(address, bytes((before & ~mask,)))


def find_switch(
    memory: GuestMemory, interrupt: Callable[[int], int], *, first_address: int
) -> InterruptSwitch:
    """Interrupt once, see what that changes from `first_address` on, and undo it.

    `first_address` is where the stack ends, whose dead part changes as well. A handler of
    SIGINT must be installed. Raises `GuestMisbehaved` when not just a few bits get set.
    """
    memory.refresh()
    size = memory.size
    before = memory.read(0, size)
    if interrupt(_SIGINT) != 0:
        raise GuestMisbehaved("the interpreter does not take interrupts")
    bits: list[tuple[int, int]] = []
    for start in range(first_address, size, _CHUNK_BYTES):
        now = memory.read(start, min(_CHUNK_BYTES, size - start))
        then = before[start : start + len(now)]
        if now != then:
            bits += [
                (start + offset, new ^ old)
                for offset, (old, new) in enumerate(zip(then, now, strict=True))
                if old != new
            ]
    if not 0 < len(bits) <= _MOST_BITS or any(before[address] & mask for address, mask in bits):
        raise GuestMisbehaved("the interpreter's interrupt changes more than flags")
    switch = InterruptSwitch(memory, bits)
    switch.clear()
    return switch
