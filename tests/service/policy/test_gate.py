"""The gate: what it counts, and what it does when its counters fail."""

from __future__ import annotations

import threading

import pytest
from counters_in_memory import MemoryCounters
from stand_in_judges import Fixed, Limited, call_of, key_of

from hermetic.errors import CountersUnavailable, InvalidInput, PolicyDenied
from hermetic.policy.decisions import Decision, Verdict
from hermetic.policy.spending import CPU_SECONDS
from hermetic_runtime.reported import Outcome, Usage
from hermetic_runtime.results import RunResult

DONE = RunResult(Outcome.OK, usage=Usage(wall_seconds=2, cpu_seconds=1.5))


def test_calls_pass_until_the_limit_is_reached(gates):
    gate = gates.open(Limited(most=2))
    for _ in range(2):
        gate.admit(call_of()).carried_out(DONE)
    with pytest.raises(PolicyDenied) as refusal:
        gate.admit(call_of())
    assert (refusal.value.rule, refusal.value.retry_after_seconds) == ("run.limit", 20)


def test_the_next_window_allows_again(gates):
    gate = gates.open(Limited(most=1))
    gate.admit(call_of()).carried_out(DONE)
    gates.now += 60
    gate.admit(call_of()).carried_out(DONE)


def test_an_abandoned_call_counts_for_nothing(gates):
    gate = gates.open(Limited(most=1))
    gate.admit(call_of()).abandoned()
    gate.admit(call_of()).carried_out(DONE)


def test_an_admission_that_is_left_behind_is_abandoned(gates):
    gate = gates.open(Limited(most=1))
    with pytest.raises(KeyError), gate.admit(call_of()):
        raise KeyError
    gate.admit(call_of()).carried_out(DONE)


def test_an_admission_ends_once(gates):
    admission = gates.open(Limited()).admit(call_of())
    admission.carried_out(DONE)
    with pytest.raises(RuntimeError):
        admission.abandoned()


def test_what_a_run_used_is_counted(gates):
    counters = MemoryCounters()
    gate = gates.open(Limited(), counters)
    gate.admit(call_of()).carried_out(DONE)
    key = key_of(call_of(), gates.now, CPU_SECONDS)
    assert counters.read([key])[key] == 1.5


def test_gates_of_one_directory_share_their_counters(gates):
    one, other = gates.open(Limited(most=1)), gates.open(Limited(most=1))
    one.admit(call_of()).carried_out(DONE)
    with pytest.raises(PolicyDenied):
        other.admit(call_of())


def test_a_call_that_was_overtaken_is_judged_again(gates):
    class Overtaken(MemoryCounters):
        def reserve(self, reservations):
            blocked = super().reserve(reservations)
            if blocked is None and self.first:
                self.first = False
                return reservations[0]
            return blocked

        first = True

    counters = Overtaken()
    with pytest.raises(PolicyDenied):
        gates.open(Limited(most=1), counters).admit(call_of())


class Unreachable(MemoryCounters):
    down = True

    def _check(self):
        if self.down:
            raise CountersUnavailable("nobody answers")

    def read(self, keys):
        self._check()
        return super().read(keys)

    def reserve(self, reservations):
        self._check()
        return super().reserve(reservations)

    def give_back(self, reservations):
        self._check()
        super().give_back(reservations)

    def add(self, amounts):
        self._check()
        super().add(amounts)


def test_counted_calls_are_refused_while_the_store_is_down(gates):
    gate = gates.open(Limited(), Unreachable())
    with pytest.raises(CountersUnavailable):
        gate.admit(call_of())
    assert gates.records()[-1]["verdict"] == "deny"


def test_calls_that_count_nothing_pass_while_the_store_is_down(gates):
    gates.open(Fixed(), Unreachable()).admit(call_of()).carried_out(DONE)


def test_calls_pass_uncounted_while_the_store_is_down_where_that_was_chosen(gates):
    gate = gates.open(Limited(most=1), Unreachable(), uncounted_when_down=True)
    for _ in range(3):
        gate.admit(call_of()).carried_out(DONE)


def test_what_ended_while_the_store_was_down_is_counted_later(gates):
    counters = Unreachable()
    gate = gates.open(Limited(most=2), counters)
    counters.down = False
    first, second = gate.admit(call_of()), gate.admit(call_of())
    counters.down = True
    first.abandoned()
    second.carried_out(DONE)
    counters.down = False
    gate.admit(call_of()).carried_out(DONE)
    used = key_of(call_of(), gates.now, CPU_SECONDS)
    assert counters.read([used])[used] == 3.0
    calls = key_of(call_of(), gates.now)
    assert counters.read([calls])[calls] == 2


def test_a_denial_says_what_the_policy_says(gates):
    with pytest.raises(PolicyDenied, match="not here") as refusal:
        gates.open(Fixed(Verdict.DENY, "not here")).admit(call_of())
    assert refusal.value.retry_after_seconds is None


def test_each_call_is_judged_by_the_policy_of_the_moment(gates):
    gate = gates.open(Fixed())
    verdicts = [Fixed(), Fixed(Verdict.DENY)]
    gate._judge = lambda: verdicts.pop(0)
    gate.admit(call_of()).carried_out(DONE)
    with pytest.raises(PolicyDenied):
        gate.admit(call_of())


def test_an_admission_gives_the_decision(gates):
    with gates.open(Fixed(policy="p7")).admit(call_of()) as admission:
        assert isinstance(admission.decision, Decision)
        assert admission.decision.policy == "p7"


def test_arguments_that_are_nested_too_deeply_are_one_clear_error(gates):
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidInput, match="nested too deeply"):
        gates.open(Fixed()).admit(call_of(code=deep))


def test_nodes_that_share_a_store_never_drift(gates, counters):
    """Whatever comes to nothing is given back, and whatever is carried out stays counted."""
    nodes = [gates.open(Limited(most=40), counters) for _ in range(2)]
    carried_out: list[int] = []

    def call(caller: int) -> None:
        for turn in range(30):
            try:
                admission = nodes[caller % 2].admit(call_of())
            except PolicyDenied:
                continue
            if (caller + turn) % 3:
                admission.abandoned()
            else:
                admission.carried_out(DONE)
                carried_out.append(turn)

    callers = [threading.Thread(target=call, args=(caller,)) for caller in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    key = key_of(call_of(), gates.now)
    assert counters.read([key]) == {key: len(carried_out)}
    assert 0 < len(carried_out) <= 40
    events = [record["event"] for record in gates.records() if record.get("verdict") != "deny"]
    assert events.count("decided") == events.count("carried_out") + events.count("abandoned")
