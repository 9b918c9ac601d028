"""A zygote that answers anything, and one that is asked for anything."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import NamedTuple
from unittest import mock

from frames import LIMITS, READY, damaged_stream

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import SandboxCrashed
from hermetic_runtime.input_source import open_input
from hermetic_runtime.processes import zygote_client
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.messages_from_guest import Failed
from hermetic_runtime.processes.protocol import Message, encode
from hermetic_runtime.processes.zygote_child import ZygoteChild, receive_child
from hermetic_runtime.processes.zygote_client import ZygoteLauncher
from hermetic_runtime.processes.zygote_messages import Exited, Spawn, Spawned
from hermetic_runtime.requests import RunRequest

_ANSWERS: tuple[Message, ...] = (
    Spawned(1),
    Spawned(os.getpid()),
    Spawned(2**31 - 1),
    Exited(0, 0.5, 1),
    Exited(-9, 0.5, 2**40),
    Failed("sandbox_crashed", "\x1b[2J\n no"),
    Failed("internal", ""),
)
_REQUESTS: tuple[Message, ...] = (Spawn(), Spawn(keeps_state=True, alone=True), Exited(0, 0, 0))
_RECORD_BYTES = 65_536
_ANSWER_SECONDS = 60.0
_ENVIRONMENT = Environment(Path("/there/is/no/interpreter"))
_SERVE = """
import os, socket, sys
from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.processes.restored_guests import RestoredGuests
from hermetic_runtime.processes.zygote import Zygote

environment = LoadedEnvironment(None)
control = socket.socket(fileno=int(sys.argv[1]))
Zygote(control, os.pidfd_open(os.getppid()), environment, RestoredGuests(environment)).serve()
"""


class AnsweringZygote:
    """Stands in for a `ZygoteProcess`: takes each request, and sends records in answer."""

    def __init__(self, answers: Sequence[bytes], descriptors: Sequence[int]) -> None:
        self.control, self._remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._answers, self._descriptors = answers, descriptors
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            record, received, _, _ = socket.recv_fds(self._remote, _RECORD_BYTES, 2)
            if not record:
                return
            guest_end, reports = (socket.socket(fileno=each) for each in received)
            with guest_end, reports, suppress(OSError):
                guest_end.send(READY)
                for answer in self._answers:
                    socket.send_fds(reports, [answer], self._descriptors)

    def own_bytes(self) -> int:
        return 1

    def last_words(self) -> str:
        return "its last words"

    def close(self) -> None:
        self.control.close()
        self._thread.join()
        self._remote.close()

    def forget(self) -> None:
        self.control.close()


@contextmanager
def zygotes_that_answer(
    answers: Sequence[bytes], descriptors: Sequence[int] = ()
) -> Generator[ZygoteLauncher]:
    """A launcher all of whose zygotes are like that."""
    zygotes = zygote_client._Zygotes()

    def start_zygote(_: Environment) -> AnsweringZygote:
        return AnsweringZygote(answers, descriptors)

    with (
        mock.patch.object(zygote_client, "_zygotes", zygotes),
        mock.patch.object(zygote_client, "start_zygote", start_zygote),
    ):
        try:
            yield ZygoteLauncher(_ENVIRONMENT)
        finally:
            zygotes.close()


class HostileAnswers(NamedTuple):
    """Records of a zygote, and of what kind the descriptor beside each of them is."""

    records: list[bytes]
    descriptor: str


def hostile_answers(choices: Random) -> HostileAnswers:
    """Answers that are sound, nearly sound, and none."""
    records = [damaged_stream(choices, _ANSWERS, pieces=2) for _ in range(choices.randrange(4))]
    return HostileAnswers(records, choices.choice(("none", "own", "ended", "ended", "file")))


def fault_of_answers(answers: HostileAnswers) -> str | None:
    """What is wrong with how the caller's process took answers, if anything is."""
    before = os.listdir("/proc/self/fd")
    with (
        _descriptor(answers.descriptor) as descriptors,
        zygotes_that_answer(answers.records, descriptors) as launcher,
    ):
        guest = GuestProcess(launcher, LIMITS, {}, ())
        try:
            guest.start()
            guest.run(RunRequest(b"", limits=LIMITS), CapturedOutput(1000, None), open_input(b""))
        except SandboxCrashed as error:
            if not error.message.isprintable():
                return f"the message {error.message!r}"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        finally:
            guest.close()
    after = os.listdir("/proc/self/fd")
    return None if len(after) == len(before) else f"{len(after) - len(before)} more descriptors"


@contextmanager
def _descriptor(kind: str) -> Generator[list[int]]:
    """At most one: a pidfd of this process or of one that has ended, or a file."""
    if kind == "none":
        yield []
        return
    if kind == "file":
        descriptor = os.open(os.devnull, os.O_RDWR)
    elif kind == "own":
        descriptor = os.pidfd_open(os.getpid())
    else:
        pid = os.posix_spawn(sys.executable, [sys.executable, "-S", "-c", ""], {})
        descriptor = os.pidfd_open(pid)
        os.waitpid(pid, 0)
    try:
        yield [descriptor]
    finally:
        os.close(descriptor)


class AskedZygote:
    """A real zygote, of no environment, in a process of its own."""

    def __init__(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._control, remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with remote:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, str(remote.fileno())],
                pass_fds=[remote.fileno()],
                stderr=self._log,
            )
        self._control.settimeout(_ANSWER_SECONDS)

    def send(self, record: bytes, descriptors: Sequence[int]) -> None:
        """Send whatever is to be sent. Raises OSError when there is nobody."""
        socket.send_fds(self._control, [record], descriptors)

    def spawn(self) -> tuple[ZygoteChild, socket.socket]:
        """A guest process as an honest caller gets it, and its socket."""
        ours, theirs = socket.socketpair()
        reports, remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, remote:
            self.send(encode(Spawn()), [theirs.fileno(), remote.fileno()])
        return receive_child(reports), ours

    def close(self) -> str | None:
        """End it. What is wrong with its end, if anything is."""
        self._control.close()
        try:
            status = self._process.wait(_ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return "it did not end when its caller had gone"
        with self._log as log:
            log.seek(0)
            return log.read().decode()[-2000:] if status else None


def hostile_request(choices: Random) -> tuple[bytes, list[str]]:
    """A record for a zygote, and of what kind the descriptors beside it are."""
    sort = choices.randrange(4)
    if sort == 0:
        record = encode(choices.choice(_REQUESTS[:2]))
    elif sort == 1:
        record = bytes(choices.choice((1, 4096, 60_000)))
    else:
        record = damaged_stream(choices, _REQUESTS, pieces=2) or b"\0"
    kinds = ("socket", "socket", "socket", "file", "pipe", "pidfd")
    return record, [choices.choice(kinds) for _ in range(choices.randrange(4))]


def fault_of_requests(choices: Random, count: int) -> str | None:
    """What is wrong with a zygote that gets so many requests of somebody hostile, while it
    also serves somebody honest.
    """
    zygote = AskedZygote()
    try:
        child, guest_end = zygote.spawn()
        for _ in range(count):
            record, kinds = hostile_request(choices)
            with _descriptors(kinds) as descriptors:
                zygote.send(record, descriptors)
        other, other_end = zygote.spawn()
        for each, end in ((child, guest_end), (other, other_end)):
            if not _is_alive(each.pid):
                return "a guest process was ended by requests of others"
            each.kill()
            ended = each.wait(_ANSWER_SECONDS)
            if ended is None or ended.status != -signal.SIGKILL:
                return f"a guest process that was killed ended with {ended}"
            each.close()
            end.close()
    except Exception as error:
        return f"{type(error).__name__}: {error}; {zygote.close()}"
    return zygote.close()


@contextmanager
def _descriptors(kinds: Sequence[str]) -> Generator[list[int]]:
    opened: list[int] = []
    for kind in kinds:
        if kind == "socket":
            opened += [each.detach() for each in socket.socketpair()]
        elif kind == "pipe":
            opened += os.pipe()
        elif kind == "file":
            opened.append(os.open(os.devnull, os.O_RDWR))
        else:
            opened.append(os.pidfd_open(os.getpid()))
    try:
        yield opened[: len(kinds)]
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _is_alive(pid: int) -> bool:
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return not poll.poll(0)
    finally:
        os.close(descriptor)
