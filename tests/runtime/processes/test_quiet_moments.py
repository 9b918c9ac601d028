"""When background work waits for runs, and for how long."""

from __future__ import annotations

import pytest

from hermetic_runtime.processes.quiet_moments import (
    BUSY_SECONDS,
    LONG_RUN_SECONDS,
    PRESSED_SECONDS,
    SETTLE_SECONDS,
    QuietMoments,
)


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("hermetic_runtime.processes.quiet_moments.time", clock)
    return clock


@pytest.fixture
def moments(clock: Clock) -> QuietMoments:
    return QuietMoments()


def test_before_the_first_run_all_is_quiet(moments: QuietMoments) -> None:
    assert moments.seconds_away() == 0
    assert not moments.is_busy


def test_a_run_under_way_is_waited_for_but_not_for_ever(
    moments: QuietMoments, clock: Clock
) -> None:
    moments.run_began(found_ready=True)
    assert moments.seconds_away() == pytest.approx(LONG_RUN_SECONDS)

    clock.now += LONG_RUN_SECONDS + 1e-6
    assert moments.seconds_away() == 0


def test_its_answer_has_the_processors_first(moments: QuietMoments, clock: Clock) -> None:
    moments.run_began(found_ready=True)
    clock.now += 0.001
    moments.run_ended()
    assert moments.seconds_away() == pytest.approx(SETTLE_SECONDS)

    clock.now += SETTLE_SECONDS + 1e-6
    assert moments.seconds_away() == 0


def test_runs_are_not_waited_for_after_one_that_found_nothing_ready(
    moments: QuietMoments, clock: Clock
) -> None:
    moments.run_began(found_ready=False)
    assert moments.is_pressed
    assert moments.seconds_away() == pytest.approx(SETTLE_SECONDS)

    clock.now += PRESSED_SECONDS
    moments.run_began(found_ready=True)
    assert not moments.is_pressed
    assert moments.seconds_away() == pytest.approx(LONG_RUN_SECONDS)


def test_runs_leave_a_processor_while_they_are_fewer(
    moments: QuietMoments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    moments.run_began(found_ready=True)
    assert moments.runs_leave_a_processor

    moments.run_began(found_ready=True)
    assert not moments.runs_leave_a_processor

    moments.run_ended()
    assert moments.runs_leave_a_processor


def test_it_is_busy_while_runs_follow_each_other(moments: QuietMoments, clock: Clock) -> None:
    for _ in range(3):
        moments.run_began(found_ready=True)
        moments.run_ended()
        clock.now += BUSY_SECONDS / 2
        assert moments.is_busy
    clock.now += BUSY_SECONDS
    assert not moments.is_busy
