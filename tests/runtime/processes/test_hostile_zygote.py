"""What a zygote that was taken over, or hangs, could do to its caller: nothing but fail it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import SandboxCrashed
from hermetic_runtime.limits import Limits
from hermetic_runtime.preparation import prepare
from hermetic_runtime.processes import zygote_child, zygote_client
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.messages_from_guest import Failed
from hermetic_runtime.processes.protocol import encode
from hermetic_runtime.processes.zygote_client import ZygoteLauncher
from hermetic_runtime.processes.zygote_messages import Exited, Spawn, Spawned

NO_MORE_DESCRIPTORS = """
import os, resource
from hermetic_runtime.errors import NoMoreProcesses
from hermetic_runtime.sandbox import Sandbox

with Sandbox() as first:
    first.run("x = 1")
    with Sandbox() as loads_all_that_it_takes:
        loads_all_that_it_takes.run("1")
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    taken = []
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        pass
    refused = 0
    while True:
        try:
            with Sandbox() as another:
                another.run("1")
            break
        except NoMoreProcesses:
            refused += 1
            os.close(taken.pop())
    assert refused > 2, refused
    print(first.run("x + 1").value.json)
"""


class SilentZygote:
    """Stands in for a `ZygoteProcess`: does what `answer` does with each request, if it has
    any that the caller waits for.
    """

    def __init__(self, answer: Callable[[socket.socket], None] | None) -> None:
        self.control, self.remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._answer = answer
        self.closed = False

    def respond(self) -> None:
        if self._answer is not None:
            with suppress(BlockingIOError):
                _, descriptors, _, _ = socket.recv_fds(self.remote, 4096, 2, socket.MSG_DONTWAIT)
                os.close(descriptors[0])
                with socket.socket(fileno=descriptors[1]) as reports:
                    self._answer(reports)

    def own_bytes(self) -> int:
        return 1

    def last_words(self) -> str:
        return "its last words"

    def close(self) -> None:
        self.closed = True
        self.control.close()
        self.remote.close()

    def forget(self) -> None:
        self.close()


Zygotes = Callable[[Callable[[socket.socket], None] | None], list[SilentZygote]]


@pytest.fixture
def zygotes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zygotes]:
    """Makes all zygotes that are started such ones; those that were."""
    running = zygote_client._Zygotes()
    monkeypatch.setattr(zygote_client, "_zygotes", running)

    def start(answer: Callable[[socket.socket], None] | None) -> list[SilentZygote]:
        started: list[SilentZygote] = []

        def start_zygote(_: Environment) -> SilentZygote:
            started.append(SilentZygote(answer))
            return started[-1]

        def receive_child(reports: socket.socket) -> zygote_child.ZygoteChild:
            started[-1].respond()
            return zygote_child.receive_child(reports)

        monkeypatch.setattr(zygote_client, "start_zygote", start_zygote)
        monkeypatch.setattr(zygote_client, "receive_child", receive_child)
        return started

    yield start
    running.close()


def launch_error() -> SandboxCrashed:
    with ExitStack() as sockets:

        def connect() -> socket.socket:
            ours, theirs = socket.socketpair()
            sockets.enter_context(ours)
            return theirs

        with pytest.raises(SandboxCrashed) as raised:
            ZygoteLauncher(Environment(Path("/nowhere"))).launch(connect, alone=False)
    return raised.value


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(b"\xff" * 100, id="noise"),
        pytest.param(encode(Spawned(7))[:-1], id="half a message"),
        pytest.param(encode(Exited(0, 0.0, 0)), id="the end of what did not begin"),
        pytest.param(b"\0" * 60_000, id="a large record"),
    ],
)
def test_a_zygote_that_says_what_none_says_is_replaced_once(
    zygotes: Zygotes, record: bytes
) -> None:
    started = zygotes(lambda reports: (reports.send(record), None)[1])

    assert "its last words" in launch_error().message
    assert [each.closed for each in started] == [True, True]


def test_a_zygote_can_not_have_its_caller_killed(zygotes: Zygotes) -> None:
    own = os.pidfd_open(os.getpid())
    record = encode(Spawned(os.getpid()))
    zygotes(lambda reports: (socket.send_fds(reports, [record], [own]), None)[1])

    assert "its last words" in launch_error().message
    os.close(own)


def test_a_descriptor_that_stands_for_another_process_is_not_believed(zygotes: Zygotes) -> None:
    record = encode(Spawned(2**22 + 1))
    with open(os.devnull, "rb") as file:
        zygotes(lambda reports: (socket.send_fds(reports, [record], [file.fileno()]), None)[1])

        assert "its last words" in launch_error().message


def test_why_a_zygote_can_not_fork_is_shown_without_what_a_terminal_obeys(zygotes: Zygotes) -> None:
    zygotes(lambda reports: (reports.send(encode(Failed("x", "no\n\x1b[2Jmore"))), None)[1])

    assert launch_error().message == "no \ufffd[2Jmore"


def test_a_zygote_that_does_not_answer_serves_nobody_else(
    zygotes: Zygotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zygote_child, "LOAD_SECONDS", 0.01)
    started = zygotes(None)

    messages = {launch_error().message for _ in range(3)}

    assert messages == {"the zygote did not answer within 0 seconds"}
    assert [each.closed for each in started] == [True, True, False]


def test_a_zygote_that_reads_nothing_is_not_waited_for(
    zygotes: Zygotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zygote_client, "LOAD_SECONDS", 0.01)
    started = zygotes(None)
    zygote = zygote_client.Zygote(Environment(Path("/nowhere")))
    with suppress(TimeoutError):
        while True:
            started[0].control.send(bytes(1000))

    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(SandboxCrashed, match="did not answer"):
        zygote.launch(theirs, Spawn())
    zygote.close()


def test_a_caller_without_descriptors_keeps_the_guests_that_it_has() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_MORE_DESCRIPTORS], capture_output=True, text=True, timeout=120
    )

    assert (done.stdout, done.stderr, done.returncode) == ("2\n", "", 0)


def test_a_zygote_that_is_lost_with_what_it_read_is_replaced_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first one is not real: it reads how the guest process is to begin, and ends."""
    running = zygote_client._Zygotes()
    monkeypatch.setattr(zygote_client, "_zygotes", running)
    start_zygote, receive_child = zygote_client.start_zygote, zygote_client.receive_child
    read: list[bytes] = []

    class Reader(SilentZygote):
        def respond(self) -> None:
            _, [guest_end, reports], _, _ = socket.recv_fds(self.remote, 4096, 2)
            with socket.socket(fileno=guest_end) as connection:
                read.append(connection.recv(100_000))
            os.close(reports)

    first = Reader(None)
    zygotes = iter([first])
    monkeypatch.setattr(
        zygote_client, "start_zygote", lambda of: next(zygotes, None) or start_zygote(of)
    )

    def receive(reports: socket.socket) -> zygote_child.ZygoteChild:
        if not first.closed:
            first.respond()
        return receive_child(reports)

    monkeypatch.setattr(zygote_client, "receive_child", receive)

    process = GuestProcess(ZygoteLauncher(Environment(prepare())), Limits(), {}, ())
    process.start()
    process.close()
    running.close()

    assert first.closed
    assert len(read) == 1
