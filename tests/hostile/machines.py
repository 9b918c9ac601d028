"""Hostile programs in guests that leave their machines to be rewound for the next."""

from __future__ import annotations

import threading
from functools import cache

from attempts import Attempt
from hostile_program import HostileProgram

from hermetic_runtime.bindings import GuestStore, instantiate, memory_bytes
from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.preparation import prepare
from hermetic_runtime.preparation_wasi import prepare_wasi
from hermetic_runtime.prepared import SNAPSHOTS
from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.requests import GuestSettings, RunReport, RunRequest

_one_at_a_time = threading.Lock()


def attempt_on_machine(program: HostileProgram, interpreter: InterpreterName) -> Attempt:
    """Run the program, and compare all memory of the machine that it left, if it left one,
    with that of the snapshot.
    """
    with _one_at_a_time:
        return run_in_guest_thread(lambda: _attempt(program, _environment(interpreter)))


def _attempt(program: HostileProgram, environment: LoadedEnvironment) -> Attempt:
    [snapshot] = environment.snapshots
    report = _report(program, environment)
    machine = snapshot.machines.take()
    if machine is None:
        return Attempt(report.outcome, report.usage.wall_seconds, ())
    store = GuestStore(environment.interpreter.engine)
    pristine = memory_bytes(store, instantiate(store, snapshot.memory, []).export("memory"))
    snapshot.guest.put_last_page(pristine)
    same = machine.map_memory() == pristine
    store.close()
    snapshot.machines.give(machine)
    faults = () if same else ("its machine was rewound to something else",)
    return Attempt(report.outcome, report.usage.wall_seconds, faults)


def _report(program: HostileProgram, environment: LoadedEnvironment) -> RunReport:
    guest = Guest(
        environment,
        GuestSettings(program.limits),
        deliver=lambda *_: None,
        request_input=lambda: None,
    )
    try:
        guest.boot()
        source = program.source.encode("utf-8", "surrogateescape")
        return guest.run(RunRequest(source, limits=program.limits, final=program.final))
    finally:
        guest.close()


@cache
def _environment(interpreter: InterpreterName) -> LoadedEnvironment:
    """With a single snapshot, so that each guest has the machine of the one before."""
    make = prepare if interpreter == "pyodide" else prepare_wasi
    directory = make(metering="epoch")
    loaded = load_environment(Environment(directory, snapshots=directory / SNAPSHOTS))
    return loaded._replace(snapshots=loaded.snapshots[:1])
