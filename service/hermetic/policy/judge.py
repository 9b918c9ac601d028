"""Who judges a call: what the gate needs of a policy, however that was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from hermetic.policy.decisions import Call, CounterKey, Decision


class Judge(Protocol):
    """A policy that was loaded. Both are pure and raise nothing; `now` is seconds since the
    epoch.
    """

    def counters_needed(self, call: Call, now: float) -> Iterable[CounterKey]:
        """Those that `decide` will look at."""
        ...

    def decide(self, call: Call, counters: Mapping[CounterKey, float], now: float) -> Decision:
        """What becomes of a call."""
        ...
