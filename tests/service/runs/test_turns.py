"""Whose run is next."""

from __future__ import annotations

import pytest

from hermetic.turns import FairQueue


def taken(queue: FairQueue[str], count: int) -> list[str]:
    return [queue.take()[1] for _ in range(count)]


def test_grants_take_turns() -> None:
    queue = FairQueue[str]()
    for item in ("a1", "a2", "a3"):
        queue.put("a", item)
    queue.put("b", "b1")
    assert taken(queue, 4) == ["a1", "b1", "a2", "a3"]


def test_the_grant_with_the_fewest_running_goes_next() -> None:
    queue = FairQueue[str]()
    queue.put("a", "a1")
    queue.put("a", "a2")
    taken(queue, 2)
    queue.put("a", "a3")
    queue.put("b", "b1")
    assert taken(queue, 2) == ["b1", "a3"]


def test_a_run_that_ended_counts_no_more() -> None:
    queue = FairQueue[str]()
    queue.put("a", "a1")
    taken(queue, 1)
    queue.end("a")
    queue.put("a", "a2")
    queue.put("b", "b1")
    assert taken(queue, 2) == ["a2", "b1"]


def test_a_removed_item_is_never_taken() -> None:
    queue = FairQueue[str]()
    queue.put("a", "a1")
    queue.put("a", "a2")
    assert queue.remove("a", "a1")
    assert not queue.remove("a", "a1")
    assert taken(queue, 1) == ["a2"]
    assert not queue
    with pytest.raises(IndexError):
        queue.take()
