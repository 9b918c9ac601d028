"""A guest that waits for its first run goes through one that leaves no trace."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from wasi_guests import wasi_directory

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.input_source import open_input
from hermetic_runtime.limits import Limits
from hermetic_runtime.preparation import prepare
from hermetic_runtime.prepared import SNAPSHOTS
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.launchers import launcher
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import GuestSettings, RunReport, RunRequest

LIMITS = Limits(wall_seconds=120, cpu_seconds=120)


@pytest.fixture(params=["pyodide", "wasi"])
def environment(request: pytest.FixtureRequest) -> Environment:
    directory = prepare() if request.param == "pyodide" else wasi_directory()
    return Environment(directory, snapshots=directory / SNAPSHOTS)


@pytest.fixture
def loaded(environment: Environment) -> LoadedEnvironment:
    return load_environment(environment)


def after_a_rehearsal(loaded: LoadedEnvironment, source: str) -> tuple[RunReport, bytes]:
    """What a first run reports, and all that it wrote."""
    written = bytearray()

    def work() -> RunReport:
        guest = Guest(
            loaded,
            GuestSettings(LIMITS),
            deliver=lambda _, data: written.extend(data),
            request_input=lambda: guest.end_input(),
        )
        try:
            guest.boot()
            guest.rehearse()
            written.clear()
            return guest.run(RunRequest(source.encode(), limits=LIMITS))
        finally:
            guest.close()

    return run_in_guest_thread(work), bytes(written)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("__import__('sys').argv", ["<code>"]),
        ("[name for name in globals() if name == '<value>']", []),
        ("[name for name in __import__('linecache').cache if 'rehears' in name]", []),
        ("__import__('sys').stdin.read()", ""),
        ("import os; sorted(os.listdir('.'))", []),
    ],
)
def test_the_first_run_finds_no_trace(
    loaded: LoadedEnvironment, source: str, value: object
) -> None:
    report, written = after_a_rehearsal(loaded, source)

    assert report.value is not None
    assert report.value.json == value
    assert written == b""


def test_the_first_run_counts_as_the_first(loaded: LoadedEnvironment) -> None:
    report, _ = after_a_rehearsal(loaded, "1/0")

    assert report.error is not None
    assert 'File "<code>", line 1' in report.error.traceback


@pytest.fixture
def guest_process(environment: Environment) -> Iterator[GuestProcess]:
    process = GuestProcess(launcher(environment), LIMITS, {}, ())
    process.start()
    yield process
    process.close()


def test_a_process_that_was_asked_to_rehearse_serves_its_run(guest_process: GuestProcess) -> None:
    output = CapturedOutput(1000, None)
    guest_process.rehearse()

    driven = guest_process.run(RunRequest(b"print(1)", limits=LIMITS), output, open_input(None))

    assert driven.report.outcome is Outcome.OK
    assert output.text("stdout", truncated=False).text == "1\n"


def test_what_a_run_left_of_its_input_is_not_there_for_the_next(
    guest_process: GuestProcess,
) -> None:
    guest_process.rehearse()
    request = RunRequest(b"print(input())", limits=LIMITS)

    for given in ("a\nb\n", "c\n"):
        output = CapturedOutput(1000, None)
        guest_process.run(request, output, open_input(given))
        assert output.text("stdout", truncated=False).text == given[:2]


def test_a_process_that_has_waited_serves_its_run(guest_process: GuestProcess) -> None:
    output = CapturedOutput(1000, None)
    time.sleep(0.1)  # long enough for a rehearsal, and harmless where it was not

    driven = guest_process.run(RunRequest(b"print(1)", limits=LIMITS), output, open_input(None))

    assert driven.report.outcome is Outcome.OK
    assert output.text("stdout", truncated=False).text == "1\n"
