"""Guest processes that speak for themselves, to see what the caller's side makes of it."""

from __future__ import annotations

import os
import socket
import sys
import textwrap
from collections.abc import Callable
from typing import BinaryIO

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import DrivenRun
from hermetic_runtime.input_source import open_input
from hermetic_runtime.limits import Limits
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.launching import LaunchedProcess
from hermetic_runtime.processes.spawning import SpawnedProcess
from hermetic_runtime.requests import RunRequest

_PRELUDE = """
import os, signal, socket, sys, time
import msgpack

connection = socket.socket(fileno=3)

def send(number, /, **fields):
    payload = msgpack.packb([number, fields])
    connection.sendall(len(payload).to_bytes(4, "big") + payload)

def receive():
    size = int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big")
    return msgpack.unpackb(connection.recv(size, socket.MSG_WAITALL), unicode_errors="ignore")

READY, FAILED, OUTPUT, INPUT_WANTED, CHANGE, REPORT = range(16, 22)
receive()
"""
READY = "send(READY, seconds=0.1, interpreter='fake')\n"
STARTED = READY + "receive()\n"
"""Boots, and has been given a run."""
REPORT = """
send(REPORT, outcome="ok", exit_code=0, value=None, displays=[],
     displays_omitted=0, files=[], files_omitted=0, error=None,
     usage=dict(wall_seconds=1, cpu_seconds=1, peak_memory_bytes=1, host_calls=1,
                disk_bytes=1, fuel=None),
     stdout_truncated=False, stderr_truncated=False, alive=True)
"""


class FakeLauncher:
    """Launches a process that executes `body` with `send` and `receive` at hand."""

    def __init__(self, body: str) -> None:
        self._source = _PRELUDE + textwrap.dedent(body)
        self.launched: list[int] = []

    def launch(self, connect: Callable[[], socket.socket], *, alone: bool) -> LaunchedProcess:
        command = [sys.executable, "-c", self._source]
        with connect() as guest_end:
            copy = os.dup(guest_end.fileno())
        try:
            actions = [(os.POSIX_SPAWN_DUP2, copy, 3)]
            pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=actions)
        finally:
            os.close(copy)
        self.launched.append(pid)
        return SpawnedProcess(pid)


def run_fake(
    body: str,
    *,
    limits: Limits | None = None,
    stdin: bytes | BinaryIO | None = None,
    output: CapturedOutput | None = None,
) -> DrivenRun:
    """Start the fake guest process, run nothing in particular in it, and close it."""
    limits = limits or Limits()
    launcher = FakeLauncher(body)
    guest = GuestProcess(launcher, limits, {}, ())
    try:
        guest.start()
        return guest.run(
            RunRequest(b"", limits=limits),
            output or CapturedOutput(limits.output_bytes, None),
            open_input(stdin),
        )
    finally:
        guest.close()
        assert not is_running(launcher.launched[0])


def is_running(pid: int) -> bool:
    """Whether there is such a process, zombies included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
