"""A policy file that changes while calls are made."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from counters_in_memory import MemoryCounters
from stand_in_judges import Limited, call_of, key_of

from hermetic.errors import HermeticError, PolicyDenied, PolicyError
from hermetic.measurements import Measurements
from hermetic.policy.source import PolicySource
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult

DONE = RunResult(Outcome.OK)
WAIT_SECONDS = 240


def load(path: Path) -> Limited:
    """A policy file of the tests: the number of calls, and a name."""
    try:
        return Limited(**json.loads(path.read_text()))
    except ValueError as error:
        raise PolicyError(f"{path}: {error}") from error


def write(path: Path, text: str) -> None:
    """As programs do: another file takes the place of the one that was there."""
    made = path.with_suffix(".new")
    made.write_text(text)
    os.replace(made, path)


@dataclass
class Told:
    """What the source tells of changes, to be waited for."""

    changes: list[HermeticError | None] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, error: HermeticError | None) -> None:
        with self.changed:
            self.changes.append(error)
            self.changed.notify_all()

    def wait(self, number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.changes) >= number, WAIT_SECONDS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.json"
    path.write_text('{"policy": "first"}')
    return path


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def source(file: Path, told: Told) -> Iterator[PolicySource]:
    source = PolicySource(file, load, told=told)
    yield source
    source.close()


def test_a_file_that_is_no_policy_is_refused_at_the_start(tmp_path: Path):
    (tmp_path / "policy.json").write_text("{")
    with pytest.raises(PolicyError):
        PolicySource(tmp_path / "policy.json", load)


def test_a_changed_file_applies(source: PolicySource, file: Path, told: Told):
    source.watch()
    write(file, '{"policy": "second"}')
    told.wait(1)
    assert source.current() == Limited(policy="second")
    assert source.problem is None


def test_a_file_that_is_written_in_place_applies(source: PolicySource, file: Path, told: Told):
    source.watch()
    file.write_text('{"policy": "second"}')
    told.wait(1)
    assert source.problem is not None or source.current() == Limited(policy="second")


def test_a_link_to_another_file_applies(tmp_path: Path, told: Told):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy").write_text(json.dumps({"policy": name}))
    (tmp_path / "now").symlink_to("first")
    source = PolicySource(tmp_path / "now/policy", load, told=told)
    source.watch()
    (tmp_path / "next").symlink_to("second")
    os.replace(tmp_path / "next", tmp_path / "now")
    told.wait(1)
    source.close()
    assert source.current() == Limited(policy="second")


@pytest.mark.parametrize("text", ["{", '{"unknown": 1}', None])
def test_what_is_not_valid_keeps_the_policy_before_it(
    source: PolicySource, file: Path, told: Told, caplog: pytest.LogCaptureFixture, text: str | None
):
    before = source.current()
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    source.check()
    assert source.current() is before
    assert source.problem is not None
    assert "the policy before it stays in force" in caplog.text
    assert isinstance(told.changes[0], HermeticError)


def test_a_file_that_is_mended_applies(source: PolicySource, file: Path):
    for text in ("{", '{"policy": "mended"}'):
        file.write_text(text)
        source.check()
    assert source.current() == Limited(policy="mended")
    assert source.problem is None


def test_an_unchanged_file_is_not_loaded_again(source: PolicySource, told: Told):
    source.check()
    assert told.changes == []


def test_changes_are_measured(file: Path):
    measurements = Measurements()
    source = PolicySource(file, load, told=measurements.policy_changed)
    file.write_text("{")
    source.check()
    text = measurements.text().decode()
    assert 'hermetic_policy_changes_total{result="refused"} 1.0' in text
    assert "hermetic_policy_current 0.0" in text


def test_counters_survive_a_change(source: PolicySource, file: Path, gates):
    counters = MemoryCounters()
    gate = gates.open(Limited(), counters)
    gate._judge = source.current
    for _ in range(10):
        gate.admit(call_of()).carried_out(DONE)
    file.write_text('{"most": 11}')
    source.check()
    gate.admit(call_of()).carried_out(DONE)
    with pytest.raises(PolicyDenied):
        gate.admit(call_of())


def test_changes_under_load_lose_no_call(source: PolicySource, file: Path, told: Told, gates):
    """Each call is judged by one policy or the other, is counted, and is written down."""
    counters = MemoryCounters()
    gate = gates.open(Limited(), counters)
    gate._judge = source.current
    source.watch()
    write(file, '{"policy": "0", "most": 1000000}')
    told.wait(1)
    stop = threading.Event()
    admitted = [0] * 4

    def call(caller: int) -> None:
        while not stop.is_set() or admitted[caller] < 50:
            gate.admit(call_of()).carried_out(DONE)
            admitted[caller] += 1

    callers = [threading.Thread(target=call, args=(caller,)) for caller in range(4)]
    for caller in callers:
        caller.start()
    try:
        for change in range(1, 6):
            policy = json.dumps({"policy": str(change), "most": 1_000_000})
            write(file, policy if change != 3 else "not valid")
            told.wait(change + 1)
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    key = key_of(call_of(), gates.now)
    assert counters.read([key]) == {key: sum(admitted)}
    records = gates.records()
    assert sum(record["event"] == "decided" for record in records) == sum(admitted)
    assert sum(record["event"] == "carried_out" for record in records) == sum(admitted)
    assert {record.get("policy") for record in records} <= {None, "0", "1", "2", "4", "5"}
