"""A machine that a guest has left is rewound for the next one, or closed."""

from __future__ import annotations

import pytest
from wasi_guests import wasi_directory

from hermetic_runtime.bindings import GuestStore, instantiate, memory_bytes
from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.interpreters.machine import Machine
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.preparation import prepare
from hermetic_runtime.prepared import SNAPSHOTS
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import GuestSettings, RunReport, RunRequest
from hermetic_runtime.snapshots import rewinding
from hermetic_runtime.snapshots.written_pages import written_ranges

LIMITS = Limits(wall_seconds=120, cpu_seconds=120, memory_bytes=256 * MIB)
LEAVE = """
import builtins, json, os, sys
json.left = builtins.left = sys.left = os.environ["LEFT"] = "x"
open("/tmp/left", "w").write("x"); open("/workspace/left", "w").write("x")
os.chdir("/tmp"); os.umask(0o77); os.dup2(1, 9); sys.path.append("/left")
kept = [bytes([number % 256]) * 1000 for number in range(2000)]
"""
LOOK = """
import builtins, json, os, sys
[hasattr(json, "left"), hasattr(builtins, "left"), hasattr(sys, "left"), "LEFT" in os.environ,
 "left" in os.listdir("/tmp"), os.listdir("/workspace"), "/left" in sys.path, os.getcwd(),
 oct(os.umask(0)), "kept" in globals(), os.path.exists("/dev/fd/9"), sys.argv]
"""


@pytest.fixture(params=["pyodide", "wasi"])
def loaded(request: pytest.FixtureRequest) -> LoadedEnvironment:
    """Over a single snapshot, so that each guest has the machine of the one before."""
    directory = prepare() if request.param == "pyodide" else wasi_directory()
    environment = load_environment(Environment(directory, snapshots=directory / SNAPSHOTS))
    return environment._replace(snapshots=environment.snapshots[:1])


def run_alone(loaded: LoadedEnvironment, source: str, limits: Limits = LIMITS) -> RunReport:
    """Run a source in a guest of its own, from its start to its end."""

    def work() -> RunReport:
        guest = Guest(
            loaded, GuestSettings(limits), deliver=lambda *_: None, request_input=lambda: None
        )
        try:
            guest.boot()
            return guest.run(RunRequest(source.encode(), limits=limits))
        finally:
            guest.close()

    return run_in_guest_thread(work)


def value_of(report: RunReport) -> object:
    assert report.value is not None, report.error
    return report.value.json


def machine_left(loaded: LoadedEnvironment) -> Machine | None:
    return loaded.snapshots[0].machines.take()


def test_a_guest_that_ended_well_leaves_its_machine(loaded: LoadedEnvironment) -> None:
    assert run_alone(loaded, "1").outcome is Outcome.OK

    assert machine_left(loaded) is not None


def test_a_guest_whose_run_raised_leaves_its_machine(loaded: LoadedEnvironment) -> None:
    assert run_alone(loaded, "1/0").outcome is Outcome.ERROR

    assert machine_left(loaded) is not None


def test_memory_is_to_the_last_byte_that_of_the_snapshot(loaded: LoadedEnvironment) -> None:
    for _ in range(3):
        assert run_alone(loaded, LEAVE).outcome is Outcome.OK
    machine, snapshot = machine_left(loaded), loaded.snapshots[0]
    assert machine is not None
    store = GuestStore(loaded.interpreter.engine)
    memory = memory_bytes(store, instantiate(store, snapshot.memory, []).export("memory"))
    snapshot.guest.put_last_page(memory)

    assert machine.map_memory() == memory


def test_the_next_guest_finds_what_the_first_one_found(loaded: LoadedEnvironment) -> None:
    first = value_of(run_alone(loaded, LOOK))
    run_alone(loaded, LEAVE)

    assert value_of(run_alone(loaded, LOOK)) == first


def test_objects_of_the_next_guest_lie_where_those_of_the_first_lay(
    loaded: LoadedEnvironment,
) -> None:
    source = "[id(object()), id([1]), id(bytearray(5000)), id(type('T', (), {}))]"
    first = value_of(run_alone(loaded, source))
    run_alone(loaded, LEAVE)

    assert value_of(run_alone(loaded, source)) == first


def test_the_next_guest_draws_other_random_numbers(loaded: LoadedEnvironment) -> None:
    source = "import random, os; [random.random(), os.urandom(8).hex()]"

    first, second = (value_of(run_alone(loaded, source)) for _ in range(2))

    assert isinstance(first, list)
    assert isinstance(second, list)
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_the_next_guest_has_its_own_limit_of_memory(loaded: LoadedEnvironment) -> None:
    few, many = (Limits(memory_bytes=size * MIB) for size in (128, 256))
    taking = "len(bytearray(140 * 2**20))"
    run_alone(loaded, "1", many)
    refused = run_alone(loaded, taking, few)

    granted = run_alone(loaded, taking, many)

    assert refused.outcome is Outcome.MEMORY
    assert granted.outcome is Outcome.OK


@pytest.mark.parametrize(
    "source",
    ["import os; os._exit(3)", "import os; os.abort()", "kept = bytearray(100 * 2**20)"],
)
def test_a_machine_whose_guest_ended_or_grew_is_closed(
    loaded: LoadedEnvironment, source: str
) -> None:
    run_alone(loaded, source)

    assert machine_left(loaded) is None


def test_a_guest_that_never_booted_leaves_nothing(loaded: LoadedEnvironment) -> None:
    guest = Guest(
        loaded, GuestSettings(LIMITS), deliver=lambda *_: None, request_input=lambda: None
    )
    guest.close()

    assert machine_left(loaded) is None


def test_one_machine_waits_and_no_more(loaded: LoadedEnvironment) -> None:
    def work() -> None:
        guests = [
            Guest(
                loaded, GuestSettings(LIMITS), deliver=lambda *_: None, request_input=lambda: None
            )
            for _ in range(3)
        ]
        for guest in guests:
            guest.boot()
        for guest in guests:
            guest.close()

    run_in_guest_thread(work)

    assert machine_left(loaded) is not None
    assert machine_left(loaded) is None


def test_nothing_is_rewound_where_the_system_does_not_tell_what_was_written(
    loaded: LoadedEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewinding, "written_ranges", lambda _: None)

    assert run_alone(loaded, "1").outcome is Outcome.OK

    assert machine_left(loaded) is None


def test_a_machine_that_would_keep_much_memory_is_closed(
    loaded: LoadedEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewinding, "_MOST_BYTES", 4096)

    assert run_alone(loaded, "1").outcome is Outcome.OK

    assert machine_left(loaded) is None


def test_what_was_written_to_is_found_by_the_page(loaded: LoadedEnvironment) -> None:
    store = GuestStore(loaded.interpreter.engine)
    instance = instantiate(store, loaded.snapshots[0].memory, [])
    memory = memory_bytes(store, instance.export("memory"))
    before = written_ranges(memory)
    bytes(memory)  # reading is not writing
    memory[5 * 4096 + 7] = memory[6 * 4096] = memory[20 * 4096 - 1] = 1

    assert before == []
    assert written_ranges(memory) == [(5 * 4096, 7 * 4096), (19 * 4096, 20 * 4096)]
