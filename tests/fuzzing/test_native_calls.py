"""Host functions as a WebAssembly guest reaches them, through the engine."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from guest_kernels import hosted_folder
from host_calls import Fault, fuzz_guest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_calls import NativeGuest


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_any_calls_of_a_guest_end_in_answers_or_a_stop(seed: int) -> None:
    assert fuzz_guest(Random(seed), 400, guest_of=NativeGuest) == []


def test_every_host_function_can_be_called_by_a_guest() -> None:
    counted: Counter[str] = Counter()
    assert fuzz_guest(Random(1), 3000, counted, NativeGuest) == []
    assert len(counted) > 100


@pytest.mark.parametrize("slot", range(10))
def test_what_ends_a_guest_in_a_handler_of_signals_is_what_the_host_is_told(slot: int) -> None:
    with hosted_folder() as folder:
        guest = NativeGuest(Random(1), folder)
        faults: list[Fault | None] = [
            guest.call_with(guest.named("__call_sighandler"), [slot, 2]),
            guest.call_with(guest.named("fd_write"), [1, 0, 0, 0]),
        ]

        assert faults == [None, None]
        assert guest.broken_bounds() is None
        assert guest.close() is None
