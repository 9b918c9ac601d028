"""Random number generators of a snapshot, which must not go on alike in two guests.

Those of `random` and `numpy.random` are Mersenne Twisters (MT19937): 624 words, and how
many of them are used up. Guests get words of their own by writing them into linear
memory, because seeding by the guest itself would be half of what it costs to resume one.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_WORDS = 624
_WORDS_BYTES = 4 * _WORDS
_WINDOW_BYTES = 1024
"""How far behind the address of its object a generator's state begins at most."""
_USED_UP = struct.pack("<I", _WORDS)


class Generator(NamedTuple):
    """Addresses in linear memory: of the words, and of the number of words used up."""

    words: int
    used: int


def find_generator(memory: bytes, near: int, words: Sequence[int], used: int) -> Generator | None:
    """Where the object at `near` holds this state; None if it is nowhere.

    The number stands before the words in CPython's `random` (`RandomObject`,
    Modules/_randommodule.c) and behind them in NumPy's (`mt19937_state`).
    """
    try:
        state, number = struct.pack(f"<{_WORDS}I", *words), struct.pack("<I", used)
    except struct.error:
        return None
    found = memory.find(state, near, near + _WINDOW_BYTES + _WORDS_BYTES)
    if near < 0 or found < 4:
        return None
    for address in (found - 4, found + _WORDS_BYTES):
        if memory[address : address + 4] == number:
            return Generator(found, address)
    return None


def renew_generators(memory: memoryview, generators: Iterable[tuple[int, int]]) -> None:
    """Give each a state that nobody can guess."""
    for words, used in generators:
        memory[words : words + _WORDS_BYTES] = os.urandom(_WORDS_BYTES)
        memory[used : used + 4] = _USED_UP
