"""Every store of counters: all or nothing, and never more than there is."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import counting_node
import pytest
from counters_in_memory import MemoryCounters
from counting_node import open_store
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from redis_server import redis_server

from hermetic.errors import CountersUnavailable, InvalidInput
from hermetic.policy.counting import CounterStore
from hermetic.policy.counting_in_redis import RedisCounters
from hermetic.policy.counting_in_sqlite import SqliteCounters
from hermetic.policy.decisions import CounterKey, Reservation

A = CounterKey("g", "run", "calls", 60, 0)
B = CounterKey("", "_global", "calls", 3600, 0)


def take(key: CounterKey, amount: float = 1, most: float | None = None) -> Reservation:
    return Reservation(key, amount, most, "rule")


def test_a_counter_that_was_never_added_to_is_zero(counters: CounterStore):
    assert counters.read([A, B]) == {A: 0, B: 0}


def test_what_is_reserved_is_counted(counters: CounterStore):
    assert counters.reserve([take(A, 2), take(B, 0.5)]) is None
    assert counters.read([A, B]) == {A: 2, B: 0.5}


def test_all_is_reserved_or_nothing(counters: CounterStore):
    counters.reserve([take(B, 3)])
    assert counters.reserve([take(A), take(B, 1, most=3)]) == take(B, 1, most=3)
    assert counters.read([A, B]) == {A: 0, B: 3}


def test_a_bound_may_be_reached_and_not_passed(counters: CounterStore):
    assert counters.reserve([take(A, 5, most=5)]) is None
    assert counters.reserve([take(A, 0.001, most=5)]) is not None


def test_two_reservations_of_one_counter_add_up(counters: CounterStore):
    assert counters.reserve([take(A, 3, most=5), take(A, 3, most=5)]) is not None
    assert counters.reserve([take(A, 3, most=5), take(A, 2, most=5)]) is None
    assert counters.read([A]) == {A: 5}


def test_what_is_given_back_can_be_had_again(counters: CounterStore):
    counters.reserve([take(A, 5, most=5)])
    counters.give_back([take(A, 5, most=5)])
    assert counters.reserve([take(A, 5, most=5)]) is None


def test_more_than_there_is_can_not_be_given_back(counters: CounterStore):
    counters.reserve([take(A)])
    counters.give_back([take(A, 10), take(B)])
    assert counters.read([A, B]) == {A: 0, B: 0}


def test_what_was_used_is_added_past_every_bound(counters: CounterStore):
    counters.reserve([take(A, 5, most=5)])
    counters.add({A: 2.25, B: 1})
    assert counters.read([A, B]) == {A: 7.25, B: 1}


def test_counters_with_odd_names_are_told_apart(counters: CounterStore):
    keys = [CounterKey('a"b', "t", "n", 60, 0), CounterKey("a", 'b"t', "n", 60, 0)]
    keys += [CounterKey("é\n", "*", "{x}", 60, 0), CounterKey("", "", "", 60, 60)]
    counters.add({key: index for index, key in enumerate(keys, 1)})
    assert counters.read(keys) == {key: index for index, key in enumerate(keys, 1)}


def test_threads_never_take_more_than_there_is(counters: CounterStore):
    taken: list[Reservation] = []

    def take_what_one_can():
        wanted = [take(A, 1, most=50), take(B, 1)]
        taken.extend(wanted[0] for _ in range(20) if counters.reserve(wanted) is None)

    threads = [threading.Thread(target=take_what_one_can) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 50
    assert counters.read([A, B]) == {A: 50, B: 50}


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_processes_count_together_without_drift(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
):
    where = str(tmp_path / "data")
    if kind == "redis":
        where = request.getfixturevalue("redis").url
    store = open_store(where)
    if isinstance(store, RedisCounters):
        store._client.flushdb()
    command = [sys.executable, counting_node.__file__, where]
    nodes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    kept = [int(node.communicate()[0]) for node in nodes]
    assert store.read([counting_node.KEY]) == {counting_node.KEY: sum(kept)}
    assert 0 < sum(kept) <= 60
    store.close()


class LikeADictionary(RuleBasedStateMachine):
    """Two nodes on one store agree with counters in memory, whatever is done."""

    nodes: tuple[CounterStore, CounterStore]
    keys = (A, B)

    def __init__(self) -> None:
        super().__init__()
        self.model = MemoryCounters()
        for node in self.nodes:
            node.give_back([take(key, 1e9) for key in self.keys])
        self.held: list[Reservation] = []

    reservations = st.builds(
        take, st.sampled_from(keys), st.integers(0, 5), st.none() | st.integers(0, 12)
    )

    @rule(node=st.integers(0, 1), wanted=st.lists(reservations, min_size=1, max_size=3))
    def reserve(self, node: int, wanted: list[Reservation]) -> None:
        blocked = self.nodes[node].reserve(wanted)
        assert blocked == self.model.reserve(wanted)
        if blocked is None:
            self.held += wanted

    @rule(node=st.integers(0, 1))
    def give_back(self, node: int) -> None:
        if self.held:
            last = [self.held.pop()]
            self.nodes[node].give_back(last)
            self.model.give_back(last)

    @rule(node=st.integers(0, 1), key=st.sampled_from(keys), amount=st.integers(0, 5))
    def add(self, node: int, key: CounterKey, amount: int) -> None:
        self.nodes[node].add({key: amount})
        self.model.add({key: amount})

    @invariant()
    def they_agree(self) -> None:
        for node in self.nodes:
            assert node.read(self.keys) == self.model.read(self.keys)


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_two_nodes_on_one_store_never_drift(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
):
    where = str(tmp_path / "data")
    if kind == "redis":
        where = request.getfixturevalue("redis").url
    one, other = open_store(where), open_store(where)
    machine = type("Nodes", (LikeADictionary,), {"nodes": (one, other)})
    options = settings(
        max_examples=25,
        stateful_step_count=20,
        deadline=None,
        database=None,
        suppress_health_check=[*HealthCheck],  # pyright: ignore[reportArgumentType]
    )
    run_state_machine_as_test(machine, settings=options)
    one.close()
    other.close()


def test_counters_in_a_file_survive_a_restart(tmp_path: Path):
    before = SqliteCounters(tmp_path / "data")
    before.reserve([take(A, 4)])
    before.close()
    after = SqliteCounters(tmp_path / "data")
    assert after.read([A]) == {A: 4}
    after.close()


def test_windows_that_ended_are_removed_from_the_file(tmp_path: Path):
    store = SqliteCounters(tmp_path / "data")
    day = CounterKey("g", "run", "calls", 86_400, 0)
    forever = CounterKey("g", "run", "calls", 0, 0)
    store.reserve([take(A), take(day), take(forever)])
    later = A._replace(start=3600)
    store.reserve([take(later)])
    store.close()
    with sqlite3.connect(tmp_path / "data/counters.sqlite3") as connection:
        left = connection.execute('SELECT "window", start FROM counters').fetchall()
    connection.close()
    assert set(left) == {(86_400, 0), (0, 0), (60, 3600)}


def test_windows_in_redis_expire_after_they_ended(redis):
    store = RedisCounters(redis.url, answer_seconds=240)
    key = CounterKey("g", "expiring", "calls", 60, 0)
    forever = key._replace(window=0)
    store.reserve([take(key), take(forever)])
    [name] = store._client.keys('*"expiring","calls",60,*')
    [kept] = store._client.keys('*"expiring","calls",0,*')
    assert 60 < store._client.ttl(name) <= 60 + 3600
    assert store._client.ttl(kept) == -1
    store.close()


def test_a_file_that_can_not_be_used_is_said_and_tried_again(tmp_path: Path):
    folder = tmp_path / "data"
    folder.write_text("in the way")
    store = SqliteCounters(folder)
    with pytest.raises(CountersUnavailable):
        store.read([A])
    folder.unlink()
    assert store.read([A]) == {A: 0}
    store.close()


def test_redis_may_go_away_and_come_back(tmp_path: Path):
    with redis_server(tmp_path) as server:
        store = RedisCounters(server.url, answer_seconds=240)
        assert store.reserve([take(A)]) is None
        server.stop()
        for attempt in (lambda: store.read([A]), lambda: store.reserve([take(A)])):
            with pytest.raises(CountersUnavailable):
                attempt()
        server.start()
        assert store.reserve([take(A)]) is None
        store.close()


def test_what_is_no_address_of_a_redis_is_refused():
    with pytest.raises(InvalidInput):
        RedisCounters("postgres://127.0.0.1")
