"""One of several processes that count in one store: `counting_node.py STORE` prints its part."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hermetic.policy.counting_in_sqlite import SqliteCounters
from hermetic.policy.decisions import CounterKey, Reservation

if TYPE_CHECKING:
    from hermetic.policy.counting_in_redis import RedisCounters

KEY = CounterKey("g", "run", "calls", 60, 0)
_ROUNDS = 80


def open_store(where: str) -> SqliteCounters | RedisCounters:
    if "://" not in where:
        return SqliteCounters(Path(where))
    from hermetic.policy.counting_in_redis import RedisCounters

    return RedisCounters(where, answer_seconds=240)


def reserve_and_give_back(where: str) -> int:
    """Of every two calls one comes to nothing; the number of the others."""
    store = open_store(where)
    wanted = [Reservation(KEY, 1, 60, "rule")]
    kept = 0
    for turn in range(_ROUNDS):
        if store.reserve(wanted) is None:
            if turn % 2:
                store.give_back(wanted)
            else:
                kept += 1
    store.close()
    return kept


if __name__ == "__main__":
    print(reserve_and_give_back(sys.argv[1]))
