"""A zygote that answers anything, and one that is asked for anything."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zygotes import fault_of_answers, fault_of_requests, hostile_answers

UNHURRIED = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@settings(UNHURRIED, max_examples=50)
@given(st.randoms(use_true_random=False))
def test_a_zygote_may_answer_anything(choices: Random) -> None:
    assert fault_of_answers(hostile_answers(choices)) is None


@settings(UNHURRIED, max_examples=2)
@given(st.integers(0, 2**32))
def test_a_zygote_may_be_asked_for_anything(seed: int) -> None:
    assert fault_of_requests(Random(seed), 60) is None
