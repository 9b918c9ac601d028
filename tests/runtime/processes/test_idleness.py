"""What a process that waits learns of the machine before it makes use of its wait."""

from __future__ import annotations

import os

import pytest

from hermetic_runtime.processes.idleness import has_idle_processor


def set_of(count: int) -> set[int]:
    return set(range(count))


@pytest.mark.parametrize(("processors", "idle"), [(0, False), (100_000, True)])
def test_a_processor_is_idle_when_there_are_as_many_as_threads_that_run(
    monkeypatch: pytest.MonkeyPatch, processors: int, idle: bool
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set_of(processors))

    assert has_idle_processor() is idle


def test_what_can_not_be_found_out_is_taken_for_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> set[int]:
        raise OSError

    monkeypatch.setattr(os, "sched_getaffinity", refuse)

    assert has_idle_processor() is False
