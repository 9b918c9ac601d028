"""Counters that forget nothing while their store can't be reached."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence

from hermetic.errors import CountersUnavailable
from hermetic.policy.counting import CounterStore
from hermetic.policy.decisions import CounterKey, Reservation

_log = logging.getLogger("hermetic.policy")


class CountersWithDebts:
    """A `CounterStore` whose `give_back` and `add` never fail.

    What could not be written is owed, and written before anything else is asked of the
    store. It is lost with this process: a count can then be too high, or lack what was
    used by calls that ended while the store was down.
    """

    def __init__(self, store: CounterStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._paying = threading.Lock()
        self._to_give_back: list[Reservation] = []
        self._to_add: dict[CounterKey, float] = {}

    def read(self, keys: Iterable[CounterKey]) -> Mapping[CounterKey, float]:
        self._pay()
        return self._store.read(keys)

    def reserve(self, reservations: Sequence[Reservation]) -> Reservation | None:
        self._pay()
        return self._store.reserve(reservations)

    def give_back(self, reservations: Sequence[Reservation]) -> None:
        try:
            self._store.give_back(reservations)
        except CountersUnavailable as error:
            _log.error("counters could not be given back yet", extra={"why": error.message})
            self._owe(reservations, {})

    def add(self, amounts: Mapping[CounterKey, float]) -> None:
        try:
            self._store.add(amounts)
        except CountersUnavailable as error:
            _log.error("what a run used could not be counted yet", extra={"why": error.message})
            self._owe((), amounts)

    def _pay(self) -> None:
        """Nobody waits for another one's attempt, which can take as long as a connection."""
        if not self._owes() or not self._paying.acquire(blocking=False):
            return
        with self._lock:
            to_give_back, self._to_give_back = self._to_give_back, []
            to_add, self._to_add = self._to_add, {}
        try:
            if to_give_back:
                self._store.give_back(to_give_back)
                to_give_back = []
            if to_add:
                self._store.add(to_add)
                to_add = {}
        finally:
            self._owe(to_give_back, to_add)
            self._paying.release()

    def _owes(self) -> bool:
        return bool(self._to_give_back or self._to_add)

    def _owe(self, to_give_back: Sequence[Reservation], to_add: Mapping[CounterKey, float]) -> None:
        with self._lock:
            self._to_give_back += to_give_back
            for key, amount in to_add.items():
                self._to_add[key] = self._to_add.get(key, 0.0) + amount
