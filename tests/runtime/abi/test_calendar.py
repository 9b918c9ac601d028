"""Calendar arithmetic against Python's own."""

from __future__ import annotations

import calendar
import time
from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetic_runtime.abi.emscripten.time import TimeCalls
from hermetic_runtime.abi.memory import GuestMemory

TM = Struct("<9i")


def time_calls() -> tuple[TimeCalls, GuestMemory]:
    contents = bytearray(65_536)
    memory = GuestMemory(lambda: memoryview(contents))
    kernel = None
    return TimeCalls(kernel, memory), memory  # pyright: ignore[reportArgumentType]


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_seconds_become_the_date_that_python_says(seconds: int) -> None:
    calls, memory = time_calls()

    calls.broken_down(seconds, 64)

    expected = time.gmtime(seconds)
    year, month, day, hour, minute, second, weekday, year_day, _ = expected
    assert memory.unpack(TM, 64) == (
        second,
        minute,
        hour,
        day,
        month - 1,
        year - 1900,
        (weekday + 1) % 7,
        year_day - 1,
        0,
    )


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_a_date_becomes_the_seconds_that_it_came_from(seconds: int) -> None:
    calls, _ = time_calls()
    calls.broken_down(seconds, 64)

    assert calls.normalise(64) == seconds


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((61, 61, 25, 30, 1, 124, 0, 0, 0), "2024-03-02 02:02:01"),
        ((0, 0, 0, 0, 0, 70, 0, 0, 0), "1969-12-31 00:00:00"),
        ((0, 0, 0, 1, -1, 100, 0, 0, 0), "1999-12-01 00:00:00"),
        ((0, 0, 0, 1, 25, 100, 0, 0, 0), "2002-02-01 00:00:00"),
    ],
)
def test_fields_out_of_range_are_normalised(fields: tuple[int, ...], expected: str) -> None:
    calls, memory = time_calls()
    memory.write(64, TM.pack(*fields))

    seconds = calls.normalise(64)

    assert seconds == calendar.timegm(time.strptime(expected, "%Y-%m-%d %H:%M:%S"))
    assert memory.unpack(TM, 64)[3] == time.gmtime(seconds).tm_mday


@pytest.mark.parametrize("seconds", [2**62, -(2**62), 2**63 - 1, -(2**63)])
def test_a_year_that_does_not_fit_is_all_zeros(seconds: int) -> None:
    calls, memory = time_calls()

    calls.broken_down(seconds, 64)

    assert memory.unpack(TM, 64) == (0,) * 9
