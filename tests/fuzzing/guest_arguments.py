"""Arguments as a guest that was taken over would give them, and what they point to."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from struct import pack

from hermetic_runtime.abi.memory import PAGE_BYTES
from hermetic_runtime.kernel.constants import AT_FDCWD
from hermetic_runtime.signatures import Signature

OPEN_FILES = 24
_TEXTS = (
    b"/tmp",
    b"/tmp/a",
    b"/tmp/a/b",
    b"/tmp/link",
    b"/out/file",
    b"/out/d/inner",
    b"/out/new",
    b"/out/link",
    b"/host/file",
    b"/host/link",
    b"/dev/null",
    b"/dev/zero",
    b"/dev/stdin",
    b"/../../etc/passwd",
    b"../..",
    b"a",
    b"",
    b".",
    b"/",
    b"\xff\xfe/\x01",
    b"n" * 300,
    b"d/" * 200,
)
_TEXT_SPACE = 512
_STRUCTURES = len(_TEXTS) * _TEXT_SPACE
"""From here on there are structures: numbers, most of which mean something somewhere."""
_STRUCTURES_END = _STRUCTURES + 4096
_EDGES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF)
_INTEGERS = (AT_FDCWD, -1, 2**31 - 1, -(2**31), 0o1777777, 0x1000, 0x800, 1024, 65_536, 0o777)
_LONGS = (2**63 - 1, -(2**63), 2**32, -1, 2**40, 2**62)
_DOUBLES = (0.0, -1.0, 1e300, float("inf"), float("-inf"), float("nan"))


class GuestArguments:
    """Makes up arguments for a guest whose memory, one page at the least, `map_memory` gives."""

    def __init__(self, choices: Random, map_memory: Callable[[], memoryview]) -> None:
        self._choices = choices
        self._map_memory = map_memory

    def fill_texts(self) -> None:
        """Put texts where pointers to texts lead, and numbers behind them."""
        memory = self._map_memory()
        for number, text in enumerate(_TEXTS):
            start = number * _TEXT_SPACE
            memory[start : start + len(text) + 1] = text + b"\0"
        self.fill_structures()

    def fill_structures(self) -> None:
        """Put other numbers where pointers to structures lead."""
        words = [self.pointer() for _ in range((_STRUCTURES_END - _STRUCTURES) // 4)]
        self._map_memory()[_STRUCTURES:_STRUCTURES_END] = pack(f"<{len(words)}I", *words)

    def of(self, signature: Signature) -> list[int | float]:
        """Arguments for all parameters."""
        makers: dict[str, Callable[[], int | float]] = {
            "p": self.pointer,
            "i": self._integer,
            "l": self._long,
            "d": self._double,
        }
        return [makers[kind]() for kind in signature.parameters]

    def pointer(self) -> int:
        choices = self._choices
        sort = choices.randrange(10)
        if sort < 3:
            return choices.randrange(len(_TEXTS)) * _TEXT_SPACE
        if sort < 5:
            return choices.randrange(_STRUCTURES, _STRUCTURES_END)
        if sort < 7:
            return choices.randrange(choices.choice((8, 600)))
        if sort < 8:
            return len(self._map_memory()) - choices.randrange(-8, 300) & 0xFFFFFFFF
        return choices.choice(_EDGES) if sort < 9 else choices.randrange(2**32)

    def _integer(self) -> int:
        choices = self._choices
        sort = choices.randrange(10)
        if sort < 7:
            return choices.randrange(-2, OPEN_FILES + 2)
        return choices.choice(_INTEGERS) if sort < 9 else choices.randrange(-(2**31), 2**31)

    def _long(self) -> int:
        choices = self._choices
        sort = choices.randrange(10)
        if sort < 6:
            return choices.randrange(-2, 2000)
        return choices.choice(_LONGS) if sort < 8 else choices.randrange(-(2**63), 2**63)

    def _double(self) -> float:
        return self._choices.choice(_DOUBLES)


assert PAGE_BYTES >= _STRUCTURES_END
