"""What comes on the socket to the caller's process, for the two threads of a guest process.

While no run is under way the guest thread reads it, so that only one thread has to wake
for a run to begin. While one is, the main thread reads, and passes on what concerns it.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import deque
from typing import NamedTuple

from hermetic_runtime.guest import Guest
from hermetic_runtime.processes.confinement import bound_cpu_time
from hermetic_runtime.processes.messages_to_guest import (
    TO_GUEST,
    Input,
    InputEnd,
    Interrupt,
    Rehearse,
    Run,
    Save,
    Start,
)
from hermetic_runtime.processes.passing import receive
from hermetic_runtime.processes.protocol import FrameDecoder, Message
from hermetic_runtime.requests import RunRequest

GRACE_CPU_SECONDS = 0.2
"""Processor time that a guest may still use once it was interrupted for using too much."""
_SHORTEST_CHECK_SECONDS = 0.002
_RECEIVE_BYTES = 32 * 1024
"""Most orders are smaller. The C library maps memory anew for a buffer of 128 KiB and more."""


class CpuTimeUp(Exception):
    """The run under way has used its processor time, and the grace."""


class ActiveRun:
    """The run under way. `cpu_end` is in seconds of this process's processor time."""

    def __init__(self, cpu_end: float) -> None:
        self.cpu_end = cpu_end
        self.used_too_much = False
        self.begun = False
        self.stopped_early = False
        """Whether it was to be stopped before it had begun, when the guest would forget that."""


class SaveRequest(NamedTuple):
    """A state is to be written to `descriptor`."""

    descriptor: int


Order = RunRequest | SaveRequest | Start | Rehearse


class Conversation:
    """The lock guards the decoder and the run under way. It is never held while anything
    waits, so either thread may ask at any time.
    """

    def __init__(self, connection: socket.socket, decoder: FrameDecoder) -> None:
        self.guest: Guest | None = None
        """Who the next run is for; none while it boots."""
        self._connection = connection
        self._decoder = decoder
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._lock = threading.Lock()
        self._orders: deque[Order] = deque()
        self._descriptors: list[int] = []
        self._run: ActiveRun | None = None

    @property
    def has_run(self) -> bool:
        """Whether a run is under way."""
        return self._run is not None

    def await_order(self, seconds: float | None = None) -> Order | None:
        """In the guest thread, between runs: what is to be done next; None if nothing came
        for `seconds`. Raises ConnectionError when the caller's process has gone.
        """
        timeout = None if seconds is None else seconds * 1000
        while True:
            with self._lock:
                self._receive()
            if self._orders:
                return self._orders.popleft()
            if not self._poll.poll(timeout):
                return None

    def rehearse(self, frame: bytes) -> RunRequest:
        """Read the frame of a run as if it had come. No run is under way by that."""
        with self._lock:
            [message] = FrameDecoder(TO_GUEST).feed(frame)
            assert isinstance(message, Run)
            _bounded(message.request)
            return message.request

    def await_hangup(self, seconds: float) -> None:
        """Until the caller's process lets go of this one, or says anything; at most `seconds`."""
        self._poll.poll(seconds * 1000)

    def listen(self) -> None:
        """In the main thread: take what came for the run under way, if one is. Raises as
        `await_order` does.
        """
        with self._lock:
            if self._run is not None:
                self._receive()

    def _receive(self) -> None:
        """What is there, which may be nothing: the other thread may have been quicker."""
        try:
            data, descriptors = receive(self._connection, _RECEIVE_BYTES, 1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionError("the caller's process has gone")
        self._descriptors += descriptors
        for message in self._decoder.feed(data):
            self._take(message)

    def _take(self, message: Message) -> None:
        """What comes too late for its run is dropped."""
        match message:
            case Interrupt():
                self._stop()
            case Input() | InputEnd():
                self._pass_on(message)
            case Run(request) if self._run is None:
                self._run = _bounded(request)
                self._orders.append(request)
            case Save() if self._run is None:
                if len(self._descriptors) != 1:
                    raise ConnectionError("Save must come with one descriptor")
                self._orders.append(SaveRequest(self._descriptors.pop()))
            case Start() | Rehearse() if self._run is None:
                self._orders.append(message)
            case _:
                raise ConnectionError(f"{type(message).__name__} out of turn")

    def may_begin(self) -> bool:
        """Whether the run is still wanted, now that it would begin."""
        with self._lock:
            run = self._run
            assert run is not None
            run.begun = True
            return not run.stopped_early

    def end_run(self) -> bool:
        """To be called before it is reported: whether it used too much processor time."""
        with self._lock:
            run, self._run = self._run, None
            return run is not None and run.used_too_much

    def check_cpu_time(self) -> float | None:
        """Stop a run that used its processor time; seconds until the next check.

        Raises `CpuTimeUp`.
        """
        with self._lock:
            run = self._run
            if run is None:
                return None
            left = run.cpu_end - time.process_time()
            if left > 0:
                return max(left, _SHORTEST_CHECK_SECONDS)
            if run.used_too_much:
                raise CpuTimeUp
            run.used_too_much = True
            run.cpu_end += GRACE_CPU_SECONDS
            self._stop()
            return GRACE_CPU_SECONDS

    def _stop(self) -> None:
        if self._run is None or self.guest is None:
            return
        if self._run.begun:
            self.guest.interrupt()
        else:
            self._run.stopped_early = True

    def _pass_on(self, message: Input | InputEnd) -> None:
        if self._run is None or self.guest is None:
            return
        match message:
            case Input(data):
                self.guest.feed_input(data)
            case InputEnd():
                self.guest.end_input()


def _bounded(request: RunRequest) -> ActiveRun:
    """The run that begins now, with the system's bound on its processor time."""
    bound_cpu_time(request.limits.cpu_seconds)
    return ActiveRun(time.process_time() + request.limits.cpu_seconds)
