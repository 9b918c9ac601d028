"""Guests that start from a snapshot in which extension modules were loaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from package_sets import LIMITS, make_environment, with_guest
from shared_libraries import extension

from hermetic_runtime.environments import LoadedEnvironment, load_environment
from hermetic_runtime.errors import GuestMisbehaved
from hermetic_runtime.guest import Guest
from hermetic_runtime.interpreters.core_instance import CoreInstance
from hermetic_runtime.packages.loaded import LoadedPackages
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import GuestSettings, RunReport
from hermetic_runtime.snapshots.making import make_snapshot
from hermetic_runtime.snapshots.stored import load_snapshot

COUNT = extension(
    "probe",
    imports="""
      (import "GOT.func" "count" (global $slot (mut i32)))
      (type $counting (func (result i32)))""",
    body="""
      (global $n (mut i32) (i32.const 0))
      (func (export "count") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
      (func (export "count_by_pointer") (result i32)
        (call_indirect (type $counting) (global.get $slot)))""",
    answer="(call_indirect (type $counting) (global.get $slot))",
)
"""Counts calls in a global, and calls itself through the table: once when imported."""
LATE = extension(
    "late",
    imports='(import "env" "count_by_pointer" (func $count (result i32)))',
    answer="(call $count)",
    needed=["probe.so"],
)


@pytest.fixture
def resumable(tmp_path: Path) -> LoadedEnvironment:
    """Over a snapshot that has imported `probe` and failed to import `broken`."""
    files = {
        "probe.so": COUNT,
        "late.so": LATE,
        "broken.so": extension("broken", imports='(import "env" "PyLong_FromLong" (func))'),
    }
    environment = make_environment(tmp_path / "set", files)
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    failed = make_snapshot(environment, ["broken", "probe"], snapshot)
    assert list(failed) == ["broken"]
    loaded = load_environment(environment)
    return LoadedEnvironment(
        loaded.interpreter,
        loaded.packages,
        (load_snapshot(loaded.interpreter.engine, snapshot),),
    )


def test_globals_and_slots_of_modules_are_as_they_were(resumable: LoadedEnvironment) -> None:
    report = with_guest(
        resumable, lambda _, run: run("import late, probe; [probe.answer, late.answer]")
    )

    assert report.value is not None, report.error
    assert report.value.json == [1, 2]


def test_each_guest_of_a_snapshot_has_state_of_its_own(resumable: LoadedEnvironment) -> None:
    reports = [
        with_guest(resumable, lambda _, run: run("import late; late.answer")) for _ in range(2)
    ]

    assert [report.value.json for report in reports if report.value] == [2, 2]


def test_a_machine_is_rewound_with_the_modules_of_the_snapshot(
    resumable: LoadedEnvironment,
) -> None:
    source = "import probe; [probe.answer, id(probe)]"
    first, _, third = (with_guest(resumable, lambda _, run: run(source)) for _ in range(3))

    assert resumable.snapshots[0].machines.take() is not None
    assert first.value is not None
    assert third.value == first.value


def test_a_machine_that_loaded_another_module_is_closed(resumable: LoadedEnvironment) -> None:
    with_guest(resumable, lambda _, run: run("import late"))

    assert resumable.snapshots[0].machines.take() is None


def test_globals_of_a_module_are_set_anew_when_its_machine_is_rewound(
    resumable: LoadedEnvironment,
) -> None:
    machines = resumable.snapshots[0].machines
    with_guest(resumable, lambda _, run: run("1"))
    machine = machines.take()
    assert isinstance(machine, CoreInstance)
    assert machine.linker is not None
    probe = machine.linker.open("probe.so", for_everyone=False)
    for name in probe.description.mutable_globals:
        probe.instance.set_global(name, 99)
    machines.give(machine)

    report = with_guest(resumable, lambda _, run: run("import late; late.answer"))

    assert report.value is not None
    assert report.value.json == 2


@pytest.fixture
def hibernated(resumable: LoadedEnvironment, tmp_path: Path) -> Path:
    """A guest that loaded `late` beside what its snapshot had loaded."""
    path = tmp_path / "guest.state"

    def use(guest: Guest, run: Callable[[str], RunReport]) -> None:
        assert run("import late, probe; late.answer").outcome is Outcome.OK
        guest.hibernate(os.open(path, os.O_WRONLY | os.O_CREAT))

    with_guest(resumable, use)
    return path


def woken(resumable: LoadedEnvironment, path: Path) -> RunReport:
    settings = GuestSettings(LIMITS, state_fd=os.open(path, os.O_RDONLY))
    return with_guest(resumable, lambda _, run: run("late.answer"), settings)


def test_a_guest_wakes_with_the_modules_that_it_loaded(
    resumable: LoadedEnvironment, hibernated: Path
) -> None:
    assert resumable.snapshots[0].machines.take() is None

    report = woken(resumable, hibernated)

    assert report.value is not None, report.error
    assert report.value.json == 2


def test_a_guest_wakes_with_them_on_the_machine_of_another(
    resumable: LoadedEnvironment, hibernated: Path
) -> None:
    with_guest(resumable, lambda _, run: run("import probe"))

    report = woken(resumable, hibernated)

    assert resumable.snapshots[0].machines.take() is None, "the machine was not used"
    assert report.value is not None, report.error
    assert report.value.json == 2


def test_another_package_set_is_refused(resumable: LoadedEnvironment) -> None:
    assert resumable.packages is not None
    other = LoadedPackages(resumable.packages.image, {"probe.so": "0" * 64})

    with pytest.raises(GuestMisbehaved, match=r"probe\.so is not what the snapshot"):
        with_guest(
            LoadedEnvironment(resumable.interpreter, other, resumable.snapshots),
            lambda _, run: run("1"),
        )
