"""Short forms of what `scripts/fuzz` does for as long as it is asked to."""

from __future__ import annotations

from random import Random

from changes import fault_of_changes, hostile_changes
from frames import fault_of_stream, hostile_stream
from guest_kernels import hosted_folder
from host_calls import FuzzedGuest, fuzz_guest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inputs import fault_of_module, fault_of_script, hostile_module, hostile_script
from records import Record, fault_of_record, hostile_record

CHOICES = st.randoms(use_true_random=False)
UNHURRIED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@settings(UNHURRIED, max_examples=25)
@given(CHOICES)
def test_any_calls_in_a_row_end_in_answers_or_a_stop(choices: Random) -> None:
    assert fuzz_guest(choices, 100) == []


@settings(UNHURRIED, max_examples=20)
@given(st.integers(0, 2**32))
def test_many_calls_in_a_row_end_in_answers_or_a_stop(seed: int) -> None:
    assert fuzz_guest(Random(seed), 1500) == []


def test_every_host_function_is_called() -> None:
    with hosted_folder() as folder:
        guest = FuzzedGuest(Random(1), folder)
        faults = [guest.call(function) for function in guest.functions for _ in range(20)]

        assert len(guest.functions) > 100
        assert not any(faults)
        assert guest.broken_bounds() is None
        assert guest.close() is None


@UNHURRIED
@given(CHOICES)
def test_a_guest_process_may_send_anything(choices: Random) -> None:
    assert fault_of_stream(hostile_stream(choices)) is None


@settings(UNHURRIED, max_examples=30)
@given(CHOICES)
def test_changes_of_a_mounted_folder_stay_in_it(choices: Random) -> None:
    assert fault_of_changes(hostile_changes(choices)) is None


@settings(UNHURRIED, max_examples=300)
@given(CHOICES)
def test_a_script_may_have_any_metadata(choices: Random) -> None:
    assert fault_of_script(hostile_script(choices)) is None


@settings(UNHURRIED, max_examples=100)
@given(st.integers(0, 2**32))
def test_a_module_may_be_damaged_in_any_way(seed: int) -> None:
    assert fault_of_module(hostile_module(Random(seed))) is None


@settings(UNHURRIED, max_examples=150)
@given(st.integers(0, 2**32))
def test_a_file_or_a_header_may_be_damaged_in_any_way(seed: int) -> None:
    assert fault_of_record(hostile_record(Random(seed))) is None


def test_a_manifest_without_a_map_of_files_is_none() -> None:
    assert fault_of_record(Record("manifest", b'{"files": [1]}')) is None
