"""Whose turn it is: runs that wait, bounded, and fair between grants."""

from __future__ import annotations

from collections import Counter, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """First in, first out for each grant; of the grants, the one with the fewest runs
    under way goes next, and among equals the one that has waited longest for a turn.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[T]] = {}
        self._running = Counter[str]()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def length_of(self, grant: str) -> int:
        """How many items of one grant wait."""
        return len(self._waiting.get(grant, ()))

    def put(self, grant: str, item: T) -> None:
        self._waiting.setdefault(grant, deque()).append(item)
        self._length += 1

    def take(self) -> tuple[str, T]:
        """The next item, which counts as running until `end`. Raises IndexError if none waits."""
        if not self._waiting:
            raise IndexError("nothing waits")
        grant = min(self._waiting, key=lambda each: self._running[each])
        items = self._waiting.pop(grant)
        item = items.popleft()
        if items:
            self._waiting[grant] = items
        self._length -= 1
        self._running[grant] += 1
        return grant, item

    def end(self, grant: str) -> None:
        """An item that was taken has ended."""
        self._running[grant] -= 1
        if not self._running[grant]:
            del self._running[grant]

    def remove(self, grant: str, item: T) -> bool:
        """Whether the item still waited; it does no more."""
        items = self._waiting.get(grant)
        if items is None or item not in items:
            return False
        items.remove(item)
        self._length -= 1
        if not items:
            del self._waiting[grant]
        return True
