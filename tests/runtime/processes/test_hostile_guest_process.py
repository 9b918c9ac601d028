"""What a guest process that broke out could do to its parent: nothing but end badly."""

from __future__ import annotations

import os
import signal

import pytest
from fake_guests import READY, REPORT, STARTED, run_fake

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import DrivenRun
from hermetic_runtime.errors import SandboxCrashed
from hermetic_runtime.limits import Limits
from hermetic_runtime.processes.endings import CPU_TIME_STATUS
from hermetic_runtime.reported import Outcome


def error_of(driven: DrivenRun) -> tuple[str, str]:
    assert driven.report.error is not None
    assert not driven.report.alive
    return driven.report.error.type, driven.report.error.message


def test_a_report_is_taken() -> None:
    assert run_fake(STARTED + REPORT).report.outcome is Outcome.OK


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("connection.sendall(os.urandom(100_000))", id="noise"),
        pytest.param("connection.sendall(b'\\xff' * 6)", id="a frame of 4 GiB"),
        pytest.param("send(OUTPUT, stream='stdout', data=bytes(100_000))", id="large output"),
        pytest.param("send(99)", id="unknown kind"),
        pytest.param("send(OUTPUT, stream='stdout', data=b'', more=1)", id="unknown field"),
        pytest.param("send(REPORT, outcome='ok')", id="half a report"),
        pytest.param("send(READY, seconds=1, interpreter='')", id="ready twice"),
        pytest.param("send(FAILED, code='internal', message='no')", id="failed"),
        pytest.param(
            "send(CHANGE, mount=0, path=b'a', kind='file', data=b'', mode=0, more=True)\n" + REPORT,
            id="half a change",
        ),
        pytest.param(
            "for path in (b'a', b'b'):\n"
            "    send(CHANGE, mount=0, path=path, kind='file', data=b'', mode=0, more=True)",
            id="mixed changes",
        ),
    ],
)
def test_what_is_not_the_protocol_ends_the_guest_process(body: str) -> None:
    driven = run_fake(STARTED + body)

    assert driven.report.outcome is Outcome.CRASHED
    kind, message = error_of(driven)
    assert kind == "ProtocolError"
    assert "broke the protocol" in message


def test_asking_twice_for_input_that_has_not_come_ends_the_guest_process() -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as source, open(writer, "wb"):
        driven = run_fake(
            STARTED + "send(INPUT_WANTED); send(INPUT_WANTED); time.sleep(60)", stdin=source
        )

    assert driven.report.outcome is Outcome.CRASHED
    assert "asked for twice" in error_of(driven)[1]


def test_output_before_a_break_of_the_protocol_is_kept() -> None:
    output = CapturedOutput(1000, None)

    run_fake(STARTED + "send(OUTPUT, stream='stdout', data=b'seen'); send(99)", output=output)

    assert output.text("stdout", truncated=False).text == "seen"


def test_output_over_the_limit_ends_the_guest_process() -> None:
    limits = Limits(output_bytes=100_000)
    output = CapturedOutput(limits.output_bytes, None)

    driven = run_fake(
        STARTED + "while True: send(OUTPUT, stream='stdout', data=bytes(60_000))",
        limits=limits,
        output=output,
    )

    assert driven.report.outcome is Outcome.OUTPUT
    stdout = output.text("stdout", truncated=False)
    assert (len(stdout.text), stdout.truncated) == (100_000, True)


def test_changes_over_the_disk_limit_end_the_guest_process() -> None:
    driven = run_fake(
        STARTED + "while True:\n"
        "    send(CHANGE, mount=0, path=b'a', kind='file', data=bytes(200_000), mode=0, more=True)",
        limits=Limits(disk_bytes=0),
    )

    assert driven.report.outcome is Outcome.DISK
    assert driven.changes == []


def test_silence_ends_at_the_deadline() -> None:
    driven = run_fake(STARTED + "time.sleep(600)", limits=Limits(wall_seconds=0.2))

    assert driven.report.outcome is Outcome.TIMEOUT
    assert driven.report.error is not None
    assert driven.report.error.limit == "wall_seconds"


def test_output_without_end_stops_at_the_deadline() -> None:
    driven = run_fake(
        STARTED + "while True: send(OUTPUT, stream='stdout', data=b''); time.sleep(0.001)",
        limits=Limits(wall_seconds=0.2),
    )

    assert driven.report.outcome is Outcome.TIMEOUT


def test_a_flood_of_output_while_input_waits_does_not_lock_up() -> None:
    output = CapturedOutput(10**9, None)

    driven = run_fake(
        STARTED + "send(INPUT_WANTED)\n"
        "for _ in range(200): send(OUTPUT, stream='stdout', data=bytes(60_000))\n"
        "assert len(receive()[1]['data']) == 65536\n" + REPORT,
        stdin=bytes(10**6),
        limits=Limits(output_bytes=2**29),
        output=output,
    )

    assert driven.report.outcome is Outcome.OK
    assert len(output.text("stdout", truncated=False).text) == 200 * 60_000


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("os._exit(0)", "status 0"),
        ("os._exit(3)", "status 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "memory"),
        ("connection.close(); time.sleep(60)", ""),
    ],
)
def test_an_end_without_a_report_is_a_crash(body: str, said: str) -> None:
    driven = run_fake(STARTED + body)

    assert driven.report.outcome is Outcome.CRASHED
    assert said in error_of(driven)[1]
    assert driven.report.usage.peak_memory_bytes > 0


@pytest.mark.parametrize(
    "body", [f"os._exit({CPU_TIME_STATUS})", f"os.kill(os.getpid(), {int(signal.SIGXCPU)})"]
)
def test_an_end_for_its_processor_time_is_a_timeout(body: str) -> None:
    driven = run_fake(STARTED + body)

    assert driven.report.outcome is Outcome.TIMEOUT
    assert driven.report.error is not None
    assert driven.report.error.limit == "cpu_seconds"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("os._exit(4)", "status 4"),
        ("send(OUTPUT, stream='stdout', data=b'')", "Output before Ready"),
        ("send(FAILED, code='preparation', message='no library')", "no library"),
        ("connection.sendall(bytes(100))", "begins with"),
    ],
)
def test_a_process_that_does_not_boot_is_an_error(body: str, said: str) -> None:
    with pytest.raises(SandboxCrashed, match=said):
        run_fake(body)


def test_an_interrupted_run_that_obeys_keeps_its_process(patient: None) -> None:
    driven = run_fake(
        STARTED + "assert receive()[0] == 5\n" + REPORT, limits=Limits(wall_seconds=0.2)
    )

    assert driven.report.outcome is Outcome.TIMEOUT
    assert driven.report.alive


def test_a_callback_that_raises_ends_the_guest_process() -> None:
    class Refused(Exception):
        pass

    def refuse(_: str, __: bytes) -> None:
        raise Refused

    with pytest.raises(Refused):
        run_fake(
            STARTED + "send(OUTPUT, stream='stdout', data=b'a'); time.sleep(60)",
            output=CapturedOutput(1000, refuse),
        )


def test_a_process_that_says_ready_and_goes_is_a_crash() -> None:
    assert run_fake(READY).report.outcome is Outcome.CRASHED
