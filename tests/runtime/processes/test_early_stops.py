"""A run that is to stop before it has begun."""

from __future__ import annotations

import select
import socket
from pathlib import Path

import pytest
from conditions import comes_true

from hermetic_runtime.environments import Environment, load_environment
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.limits import Limits
from hermetic_runtime.preparation import prepare
from hermetic_runtime.processes.channel import Channel
from hermetic_runtime.processes.launchers import launcher
from hermetic_runtime.processes.messages_from_guest import Ready, Report, from_guest
from hermetic_runtime.processes.messages_to_guest import Interrupt, Run, Start
from hermetic_runtime.processes.protocol import Message, encode
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import GuestSettings, RunReport, RunRequest

LIMITS = Limits(wall_seconds=600, cpu_seconds=600)


@pytest.fixture
def environment() -> Environment:
    directory: Path = prepare()
    return Environment(directory)


def next_message(channel: Channel) -> Message:
    found: list[Message] = []

    def comes() -> bool:
        if select.select([channel], [], [], 1.0)[0]:
            found.extend(channel.receive())
        return bool(found)

    assert comes_true(comes)
    [message] = found
    return message


def test_an_interrupt_right_behind_its_run_ends_it(environment: Environment) -> None:
    ours, theirs = socket.socketpair()
    process = launcher(environment).launch(lambda: theirs, alone=False)
    channel = Channel(ours, from_guest(LIMITS))
    try:
        channel.send(Start(LIMITS, {}, (), False, False, None, False))
        assert isinstance(next_message(channel), Ready)
        endless = RunRequest(b"while True: pass", limits=LIMITS)
        ours.sendall(encode(Run(endless)) + encode(Interrupt()))
        message = next_message(channel)
    finally:
        process.kill()
        process.wait(60)
        process.close()
        channel.close()
    assert isinstance(message, Report)
    assert message.report.outcome is not Outcome.OK


def test_a_guest_whose_run_was_not_to_begin_can_go_on(environment: Environment) -> None:
    written = bytearray()

    def work() -> list[RunReport]:
        guest = Guest(
            load_environment(environment),
            GuestSettings(LIMITS),
            deliver=lambda _, data: written.extend(data),
            request_input=lambda: None,
        )
        try:
            guest.boot()
            return [
                guest.run(RunRequest(b"print(1)", limits=LIMITS), lambda: False),
                guest.run(RunRequest(b"print(2)", limits=LIMITS)),
            ]
        finally:
            guest.close()

    early, later = run_in_guest_thread(work)
    assert (early.outcome, early.exit_code, early.alive) == (Outcome.ERROR, 130, True)
    assert later.outcome is Outcome.OK
    assert bytes(written) == b"2\n"
