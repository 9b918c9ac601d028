"""Counters that end with the process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

from hermetic.policy.decisions import CounterKey, Reservation


class MemoryCounters:
    """A `CounterStore` in a dictionary."""

    def __init__(self, values: Mapping[CounterKey, float] | None = None) -> None:
        self._lock = threading.Lock()
        self._values = dict(values or {})

    def read(self, keys: Iterable[CounterKey]) -> Mapping[CounterKey, float]:
        with self._lock:
            return {key: self._values.get(key, 0.0) for key in keys}

    def reserve(self, reservations: Sequence[Reservation]) -> Reservation | None:
        with self._lock:
            values: dict[CounterKey, float] = {}
            for each in reservations:
                before = values.get(each.key, self._values.get(each.key, 0.0))
                if each.most is not None and before + each.amount > each.most:
                    return each
                values[each.key] = before + each.amount
            self._values |= values
        return None

    def give_back(self, reservations: Sequence[Reservation]) -> None:
        with self._lock:
            for each in reservations:
                if each.key in self._values:
                    self._values[each.key] = max(0.0, self._values[each.key] - each.amount)

    def add(self, amounts: Mapping[CounterKey, float]) -> None:
        with self._lock:
            for key, amount in amounts.items():
                self._values[key] = self._values.get(key, 0.0) + amount
