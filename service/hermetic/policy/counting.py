"""Counters: what a store of them can do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from hermetic.policy.decisions import CounterKey, Reservation


class CounterStore(Protocol):
    """Counters that outlive this process. Safe to use from several threads.

    Every method raises `CountersUnavailable` when the store can't be reached.
    """

    def read(self, keys: Iterable[CounterKey]) -> Mapping[CounterKey, float]:
        """The value of each; one that was never added to is 0."""
        ...

    def reserve(self, reservations: Sequence[Reservation]) -> Reservation | None:
        """Add all of them in one step, or none.

        The one whose bound stands in the way, or None when all were added.
        """
        ...

    def give_back(self, reservations: Sequence[Reservation]) -> None:
        """Undo what `reserve` added: the call could not be carried out."""
        ...

    def add(self, amounts: Mapping[CounterKey, float]) -> None:
        """Add what a run used, without a bound."""
        ...
