"""What a guest process that was taken over may send to its parent.

The parent may refuse it, as a break of the protocol, and nothing else: it neither raises
anything else nor waits for what does not come.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from copy import deepcopy
from random import Random
from typing import Any

import msgpack

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.errors import SandboxCrashed
from hermetic_runtime.input_source import open_input
from hermetic_runtime.kernel.overlay import Change as FileChange
from hermetic_runtime.kernel.overlay import ChangeKind
from hermetic_runtime.limits import KIB, Limits
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.launching import ProcessEnd
from hermetic_runtime.processes.messages_from_guest import (
    Change,
    Failed,
    InputWanted,
    Output,
    Ready,
    Report,
    Saved,
)
from hermetic_runtime.processes.protocol import Message, encode
from hermetic_runtime.reported import Display, Outcome, RunError, Usage, Value, WorkspaceFile
from hermetic_runtime.requests import RunReport, RunRequest

LIMITS = Limits(output_bytes=200 * KIB, disk_bytes=200 * KIB, value_bytes=64 * KIB)
READY = encode(Ready(0.1, "fuzzed"))
_REQUEST_BYTES = 65_536
_MESSAGES: tuple[Message, ...] = (
    Ready(0.25, "x"),
    Failed("internal", "no"),
    Output("stdout", b"output"),
    Output("stderr", bytes(60_000)),
    InputWanted(),
    Change(0, FileChange(b"a/b", ChangeKind.FILE, b"data", 0o644), more=False),
    Change(0, FileChange(b"a/b", ChangeKind.FILE, b"data", 0o644), more=True),
    Change(1, FileChange(b"a", ChangeKind.REMOVED), more=False),
    Saved(),
    Report(RunReport(Outcome.OK)),
    Report(
        RunReport(
            Outcome.ERROR,
            exit_code=1,
            value=Value("[1]", [1, {"a": None}], is_json=True),
            displays=(Display({"text/html": "<b>"}),),
            files=(WorkspaceFile("d/f", 5),),
            error=RunError("KeyError", "'a'", "Traceback", "files"),
            usage=Usage(1.5, 0.25, 7, 8, 9, 10),
        )
    ),
)
_ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**64 - 1,
    -(2**63),
    float("nan"),
    float("inf"),
    "",
    "\0" * 10,
    "x" * 70_000,
    b"\xff",
    bytes(70_000),
    [],
    {},
    [[[[]]]],
    {"a": {"b": {}}},
    "ok",
    "../../x",
    msgpack.ExtType(5, b"x"),
)


def hostile_stream(choices: Random) -> bytes:
    """Frames that are sound, that are nearly sound, and that are none."""
    return damaged_stream(choices, _MESSAGES, pieces=5)


def damaged_stream(choices: Random, messages: Sequence[Message], pieces: int) -> bytes:
    """So many pieces at the most: frames of messages, changed or not, and noise."""
    return b"".join(_piece(choices, messages) for _ in range(choices.randrange(1, pieces + 1)))


def _piece(choices: Random, messages: Sequence[Message]) -> bytes:
    sort = choices.randrange(10)
    frame = encode(choices.choice(messages))
    if sort < 3:
        return frame
    if sort < 6:
        return _with_other_fields(choices, frame)
    if sort == 6:
        damaged = bytearray(frame)
        for _ in range(choices.randrange(1, 4)):
            damaged[choices.randrange(len(damaged))] = choices.randrange(256)
        return bytes(damaged)
    if sort == 7:
        return frame[: choices.randrange(len(frame))]
    if sort == 8:
        length = choices.choice((0, 1, 2, 2**16, 2**31, 2**32 - 1))
        return length.to_bytes(4, "big") + frame[4:]
    return choices.randbytes(choices.randrange(1, 200))


def _with_other_fields(choices: Random, frame: bytes) -> bytes:
    kind, fields = msgpack.unpackb(frame[4:], strict_map_key=False)
    for _ in range(choices.randrange(1, 3)):
        _change(choices, fields)
    payload = msgpack.packb([choices.choice((kind, kind, kind, choices.randrange(128))), fields])
    assert payload is not None
    return len(payload).to_bytes(4, "big") + payload


def _change(choices: Random, fields: dict[Any, Any]) -> None:
    """Replace, remove or add an entry, at some depth."""
    name = choices.choice([*fields, "added"])
    inner = fields.get(name)
    if isinstance(inner, dict) and inner and choices.random() < 0.7:
        _change(choices, inner)
    elif choices.random() < 0.2:
        fields.pop(name, None)
    elif isinstance(inner, list) and choices.random() < 0.5:
        fields[name] = [deepcopy(choices.choice(_ODD))] * choices.choice((1, 2, 1001))
    else:
        fields[name] = deepcopy(choices.choice(_ODD))


class _FakeProcess:
    """Starts, takes a run, sends a stream and goes, as a thread of this process."""

    pid = 0

    def __init__(self, connection: socket.socket, stream: bytes) -> None:
        self._connection = connection
        self._thread = threading.Thread(target=self._send, args=(stream,))
        self._thread.start()

    def _send(self, stream: bytes) -> None:
        with self._connection as connection:
            try:
                connection.recv(_REQUEST_BYTES)
                connection.sendall(READY)
                connection.recv(_REQUEST_BYTES)
                connection.sendall(stream)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(_REQUEST_BYTES):
                    pass
            except OSError:
                return

    def kill(self) -> None:
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def wait(self, timeout: float) -> ProcessEnd | None:
        return ProcessEnd(-9)

    def close(self) -> None:
        self._thread.join()


class _FakeLauncher:
    def __init__(self, stream: bytes) -> None:
        self._stream = stream

    def launch(self, connect: Callable[[], socket.socket], *, alone: bool) -> _FakeProcess:
        return _FakeProcess(connect(), self._stream)


def run_over(stream: bytes) -> tuple[RunReport | None, list[tuple[int, FileChange]]]:
    """What the parent makes of a guest process that sends this: a report, or None when it
    did not start; and what it would change.
    """
    guest = GuestProcess(_FakeLauncher(stream), LIMITS, {}, ())
    try:
        guest.start()
        output = CapturedOutput(LIMITS.output_bytes, None)
        driven = guest.run(RunRequest(b"", limits=LIMITS), output, open_input(b"input"))
    except SandboxCrashed:
        return None, []
    finally:
        guest.close()
    return driven.report, list(driven.changes)


def fault_of_stream(stream: bytes) -> str | None:
    """What is wrong with how the parent took a stream, if anything is."""
    try:
        report, changes = run_over(stream)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if sum(len(change.data) for _, change in changes) > LIMITS.disk_bytes + 2**26:
        return "more was changed than the limit lets"
    if report is not None:
        report.outcome.value.encode()
    return None
