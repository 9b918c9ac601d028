"""The guest process: one sandbox, or one after the other in a lasting one; two threads.

The main thread is the control loop: it listens to the caller's process while the
guest runs, sends batched output when it is due, and watches the processor time. The
guest thread boots the guest and runs what it is given. Nothing here is trusted by the
other side.
"""

from __future__ import annotations

import math
import os
import queue
import select
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.errors import HermeticError, SessionBaseMissing, SessionDamaged
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import start_guest_thread
from hermetic_runtime.processes.confinement import bound_cpu_time
from hermetic_runtime.processes.endings import CPU_TIME_STATUS
from hermetic_runtime.processes.guest_reports import change_messages, report_frame
from hermetic_runtime.processes.guest_start import bound_process, receive_start
from hermetic_runtime.processes.idleness import has_idle_processor
from hermetic_runtime.processes.messages import (
    Failed,
    Input,
    InputEnd,
    InputWanted,
    Interrupt,
    Ready,
    Run,
    Save,
    Saved,
    Start,
    report_frame_bytes,
    to_guest,
)
from hermetic_runtime.processes.outbox import Outbox
from hermetic_runtime.processes.protocol import FrameDecoder, Message
from hermetic_runtime.processes.restored_guests import RestoredGuests
from hermetic_runtime.requests import GuestSettings, RunReport, RunRequest
from hermetic_runtime.verdicts import timed_out

GRACE_CPU_SECONDS = 0.2
"""Processor time that a guest may still use once it was interrupted for using too much."""
_SAVE_CPU_SECONDS = 120.0
_PATIENCE_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16)
"""Between looks for an idle processor. Who starts a process for a run has sent the run before
the first one; a spare has nothing else to do."""
_REHEARSALS = 3
"""The first makes most pages the process's own; after the others memory is laid out as it stays,
and the host's code has taken the short ways that CPython prepares for what runs repeatedly."""
_SHORTEST_CHECK_SECONDS = 0.002
_RECEIVE_BYTES = 128 * 1024


def main(
    connection: socket.socket,
    environment: LoadedEnvironment,
    restored: RestoredGuests | None = None,
) -> NoReturn:
    """Serve what is asked for on `connection`. Ends this process, whatever happens."""
    status = 1
    try:
        decoder = FrameDecoder(to_guest(), unicode_errors="surrogateescape")
        start, settings = receive_start(connection, decoder)
        bound_process(start)
        loop = ControlLoop(connection, decoder, environment, settings, restored)
        loop.lasting = start.lasting
        loop.serve()
        status = 0
    except ConnectionError:
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        _end(status)


def _end(status: int) -> NoReturn:
    """Leave without the interpreter's own shutdown, which would wait for the guest thread."""
    try:
        sys.stderr.flush()
    finally:
        os._exit(status)


@dataclass(slots=True)
class ActiveRun:
    """The run under way. `cpu_end` is in seconds of this process's processor time."""

    request: RunRequest
    cpu_end: float
    used_too_much: bool = False
    begun: bool = False
    stopped_early: bool = False
    """Whether it was to be stopped before it had begun, when the guest would forget that."""


@dataclass(frozen=True, slots=True)
class SaveRequest:
    """A state is to be written to `descriptor`."""

    descriptor: int


class ControlLoop:
    """The main thread of a guest process: what the caller's process asks for, it has done."""

    def __init__(
        self,
        connection: socket.socket,
        decoder: FrameDecoder,
        environment: LoadedEnvironment,
        settings: GuestSettings,
        restored: RestoredGuests | None,
    ) -> None:
        self._connection = connection
        self._decoder = decoder
        self._environment = environment
        self._settings = settings
        self._restored = restored
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        self._outbox = Outbox(connection, self._wake)
        self._requests: queue.SimpleQueue[RunRequest | SaveRequest] = queue.SimpleQueue()
        self._starts: queue.SimpleQueue[GuestSettings] = queue.SimpleQueue()
        self._guest: Guest | None = None
        self._active: ActiveRun | None = None
        self._lock = threading.Lock()
        self._received: list[int] = []

        self._rehearses = restored is not None and settings.state_fd is None
        self.lasting = False
        """Whether there are more guests after the first."""

    def serve(self) -> None:
        """Until the caller's process has gone, or the guest has ended."""
        start_guest_thread(self._guest_thread)
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        poll.register(self._wake_reader, select.POLLIN)
        while True:
            due = [self._outbox.flush_due(), self._check_cpu_time()]
            soonest = min((seconds for seconds in due if seconds is not None), default=None)
            for descriptor, _ in poll.poll(None if soonest is None else math.ceil(soonest * 1000)):
                if descriptor == self._wake_reader:
                    os.read(self._wake_reader, 4096)
                elif not self._receive():
                    return

    def _wake(self) -> None:
        try:
            os.write(self._wake_writer, b"\0")
        except BlockingIOError:
            return

    def _receive(self) -> bool:
        """False when the caller's process has gone."""
        data, descriptors, _, _ = socket.recv_fds(self._connection, _RECEIVE_BYTES, 1)
        self._received += descriptors
        for message in self._decoder.feed(data):
            self._obey(message)
        return bool(data)

    def _obey(self, message: Message) -> None:
        """Do what a message asks. One that comes too late for its run is dropped."""
        match message:
            case Start() if self.lasting and self._guest is None:
                bound_process(message)
                bound_cpu_time(_SAVE_CPU_SECONDS)
                kept = message.keep_files
                self._starts.put(
                    GuestSettings(message.limits, message.environment, keep_files=kept)
                )
            case Run(request):
                bound_cpu_time(request.limits.cpu_seconds)
                cpu_end = time.process_time() + request.limits.cpu_seconds
                self._active = ActiveRun(request, cpu_end)
                self._requests.put(request)
            case Save():
                if len(self._received) != 1:
                    raise ConnectionError("Save must come with one descriptor")
                bound_cpu_time(_SAVE_CPU_SECONDS)
                self._requests.put(SaveRequest(self._received.pop()))
            case Interrupt():
                with self._lock:
                    if self._active is not None and self._guest is not None:
                        _stop(self._active, self._guest)
            case Input() | InputEnd():
                with self._lock:
                    if self._active is not None and self._guest is not None:
                        _pass_on(message, self._guest)
            case _:
                raise ConnectionError(f"{type(message).__name__} out of turn")

    def _check_cpu_time(self) -> float | None:
        """Stop a run that used its processor time; seconds until the next check."""
        with self._lock:
            run = self._active
            if run is None or self._guest is None:
                return None
            left = run.cpu_end - time.process_time()
            if left > 0:
                return max(left, _SHORTEST_CHECK_SECONDS)
            if not run.used_too_much:
                run.used_too_much = True
                run.cpu_end += GRACE_CPU_SECONDS
                _stop(run, self._guest)
                return GRACE_CPU_SECONDS
        self._outbox.flush_due()
        _end(CPU_TIME_STATUS)

    def _guest_thread(self) -> None:
        try:
            while True:
                self._serve_guest(self._boot())
                self._settings = self._starts.get()
        except ConnectionError:
            _end(0)
        except BaseException as error:
            self._fail(error)
            if not isinstance(error, SessionDamaged | SessionBaseMissing):
                with suppress(OSError):  # the log is shared, bounded and perhaps full
                    traceback.print_exc()
            _end(1)

    def _serve_guest(self, guest: Guest) -> None:
        """Until its final run, if the process is to have other guests."""
        self._outbox.send(Ready(self._boot_seconds, self._environment.interpreter.description))
        for request in self._asked_of(guest):
            if isinstance(request, SaveRequest):
                guest.hibernate(request.descriptor)
                self._outbox.send(Saved())
                continue
            report = guest.run(request, self._may_begin)
            ends = request.final or not report.alive
            self._report(guest, request, report, ends=ends)
            if not ends:
                continue
            if not (self.lasting and report.alive and self._restored is not None):
                _end(0)
            self._restored.renew(guest)
            return

    def _may_begin(self) -> bool:
        """Whether the run is still wanted, now that it would begin."""
        with self._lock:
            run = self._active
            assert run is not None
            run.begun = True
            return not run.stopped_early

    def _asked_of(self, guest: Guest) -> Iterator[RunRequest | SaveRequest]:
        """What is to be done, without an end. A long wait for the first is made use of, in
        moments in which nothing else has to be done.
        """
        left = _REHEARSALS if self._rehearses else 0
        for seconds in _PATIENCE_SECONDS if left else ():
            try:
                yield self._requests.get(timeout=seconds)
                break
            except queue.Empty:
                if has_idle_processor():
                    guest.rehearse()
                    left -= 1
            if not left:
                break
        while True:
            yield self._requests.get()

    def _boot(self) -> Guest:
        began = time.perf_counter()
        guest = self._make_guest()
        guest.boot()
        self._boot_seconds = time.perf_counter() - began
        self._guest = guest
        return guest

    def _make_guest(self) -> Guest:
        deliver, request_input = self._outbox.deliver, self._request_input
        guest = None
        if self._restored is not None:
            guest = self._restored.take(
                self._settings, deliver=deliver, request_input=request_input
            )
        return guest or Guest(
            self._environment, self._settings, deliver=deliver, request_input=request_input
        )

    def _request_input(self) -> None:
        self._outbox.send(InputWanted())

    def _report(self, guest: Guest, request: RunRequest, report: RunReport, *, ends: bool) -> None:
        with self._lock:
            run, self._active = self._active, None
            if ends:
                self._guest = None
        if run is not None and run.used_too_much:
            report = timed_out(report, "cpu_seconds")
        for mount, change in guest.changes():
            for message in change_messages(mount, change):
                self._outbox.send(message)
        self._outbox.send_frame(report_frame(report, report_frame_bytes(request.limits)))

    def _fail(self, error: BaseException) -> None:
        failed = Failed("internal", f"{type(error).__name__}: {error}")
        if isinstance(error, HermeticError):
            failed = Failed(error.code, error.message)
        try:
            self._outbox.send(failed)
        except OSError:
            return


def _stop(run: ActiveRun, guest: Guest) -> None:
    if run.begun:
        guest.interrupt()
    else:
        run.stopped_early = True


def _pass_on(message: Input | InputEnd, guest: Guest) -> None:
    match message:
        case Input(data):
            guest.feed_input(data)
        case InputEnd():
            guest.end_input()
