"""What a guest does while it waits for its first run leaves no trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

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
from hermetic_runtime.preparing_snapshots import prepare_snapshots
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.launchers import launcher
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import GuestSettings, RunReport, RunRequest
from hermetic_runtime.sessions.pages import PAGE_BYTES, changed_pages
from hermetic_runtime.snapshots.kept import snapshots_folder

LIMITS = Limits(wall_seconds=120, cpu_seconds=120)


@pytest.fixture(params=["pyodide", "wasi"])
def environment(request: pytest.FixtureRequest) -> Environment:
    directory = prepare() if request.param == "pyodide" else wasi_directory()
    return Environment(directory, snapshots=directory / SNAPSHOTS)


@pytest.fixture
def loaded(environment: Environment) -> LoadedEnvironment:
    return load_environment(environment)


def new_guest(loaded: LoadedEnvironment, deliver: Callable[[str, bytes], None]) -> Guest:
    guest = Guest(
        loaded,
        GuestSettings(LIMITS),
        deliver=deliver,
        request_input=lambda: guest.end_input(),
    )
    guest.boot()
    return guest


def use_packages(guest: Guest) -> None:
    number = 0
    while guest.use_package(number):
        number += 1


def first_run(
    loaded: LoadedEnvironment, source: str, *, rehearsed: bool
) -> tuple[RunReport, bytes]:
    """What it reports, and all that it wrote."""
    written = bytearray()

    def work() -> RunReport:
        guest = new_guest(loaded, lambda _, data: written.extend(data))
        try:
            if rehearsed:
                guest.rehearse()
                use_packages(guest)
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
    report, written = first_run(loaded, source, rehearsed=True)

    assert report.value is not None
    assert report.value.json == value
    assert written == b""


def test_the_first_run_counts_as_the_first(loaded: LoadedEnvironment) -> None:
    report, _ = first_run(loaded, "1/0", rehearsed=True)

    assert report.error is not None
    assert 'File "<code>", line 1' in report.error.traceback


@pytest.fixture
def tables() -> LoadedEnvironment:
    """An environment with pandas, imported ahead."""
    environment = Environment(wasi_directory())
    preloads = ["numpy", "pandas"]
    prepare_snapshots(environment, preloads, lambda *_: None)
    folder = snapshots_folder(environment, preloads)
    return load_environment(environment._replace(snapshots=folder))


def test_packages_that_were_used_leave_no_trace(tables: LoadedEnvironment) -> None:
    source = "import os, sys\n[sorted(sys.modules), os.listdir('/workspace'), os.listdir('/tmp')]"

    report, _ = first_run(tables, source, rehearsed=True)
    without, _ = first_run(tables, source, rehearsed=False)

    assert report.value is not None
    assert report.value == without.value


def test_the_memory_that_packages_need_is_the_guests_own_when_its_run_comes(
    tables: LoadedEnvironment,
) -> None:
    source = b"import pandas\nstr(pandas.DataFrame({'a': [1, 2]}).sum())"

    def work() -> tuple[set[int], set[int]]:
        guest = new_guest(tables, lambda *_: None)
        guest.rehearse()
        before = memory_of(guest)
        use_packages(guest)
        used = pages_that_differ(memory_of(guest), before)
        guest.run(RunRequest(source, limits=LIMITS))
        written = pages_that_differ(memory_of(guest), before)
        guest.close()
        return used, written

    used, written = run_in_guest_thread(work)
    assert len(written - used) < len(used) / 4


def memory_of(guest: Guest) -> bytes:
    _, memory = guest.save([])
    return memory


def pages_that_differ(memory: bytes, before: bytes) -> set[int]:
    changed = changed_pages(memoryview(memory), memoryview(before))
    return {first + page for first, data in changed for page in range(len(data) // PAGE_BYTES)}


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
