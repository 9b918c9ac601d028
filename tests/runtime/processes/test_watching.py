"""A run is watched only once it has lasted, which nobody notices."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.environments import Environment
from hermetic_runtime.input_source import open_input
from hermetic_runtime.limits import Limits
from hermetic_runtime.preparation import prepare
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.launchers import launcher
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import RunReport, RunRequest

LIMITS = Limits(wall_seconds=120, cpu_seconds=120)


@pytest.fixture
def guest() -> Iterator[GuestProcess]:
    process = GuestProcess(launcher(Environment(prepare())), LIMITS, {}, ())
    process.start()
    yield process
    process.close()


def run_until_seen(guest: GuestProcess, code: str, awaited: bytes) -> RunReport:
    """Run code that never ends, and end it once it has written what is awaited."""
    written = bytearray()
    seen = threading.Event()

    def take(_stream: str, data: bytes) -> None:
        written.extend(data)
        if awaited in written:
            seen.set()

    def cancel() -> None:
        seen.wait(100)
        guest.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    output = CapturedOutput(LIMITS.output_bytes, take)
    report = guest.run(RunRequest(code.encode(), limits=LIMITS), output, open_input(None)).report
    seen.set()
    canceller.join()
    return report


@pytest.mark.parametrize("before", ["", "import time; time.sleep(0.05); "])
def test_output_that_follows_other_output_does_not_wait_for_more(
    guest: GuestProcess, before: str
) -> None:
    code = f"{before}print('a', flush=True); print('b', flush=True)\nwhile True: pass"

    assert run_until_seen(guest, code, b"b").outcome is Outcome.CANCELLED


@pytest.mark.parametrize("before", ["", "import time; time.sleep(0.05); "])
def test_output_that_nobody_follows_is_kept_when_the_guest_is_ended(
    guest: GuestProcess, before: str
) -> None:
    code = f"{before}print('a', flush=True)\nwhile True:\n try:\n  while True: pass\n except: pass"
    limits = replace(LIMITS, wall_seconds=0.3)
    output = CapturedOutput(LIMITS.output_bytes, None)

    request = RunRequest(code.encode(), limits=limits, followed=False)
    report = guest.run(request, output, open_input(None)).report

    assert report.outcome is Outcome.TIMEOUT
    assert output.text("stdout", truncated=False).text == "a\n"


def test_each_of_many_short_runs_is_reported(guest: GuestProcess) -> None:
    request = RunRequest(b"print(1); print(2)", limits=LIMITS)

    for _ in range(50):
        output = CapturedOutput(LIMITS.output_bytes, None)
        report = guest.run(request, output, open_input(None)).report

        assert report.outcome is Outcome.OK
        assert output.text("stdout", truncated=False).text == "1\n2\n"


def test_a_run_that_waits_for_input_gets_what_comes_late(guest: GuestProcess) -> None:
    code = b"import time; time.sleep(0.05); print(input() + input())"
    output = CapturedOutput(LIMITS.output_bytes, None)

    guest.run(RunRequest(code, limits=LIMITS), output, open_input("a\nb\n"))

    assert output.text("stdout", truncated=False).text == "ab\n"
