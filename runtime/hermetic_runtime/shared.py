"""`isolation="shared"`: a guest in this process. Only this module brings wasmtime here.

For embedding and for trusted code. The guest is as well bounded as in a process of its
own, but a fault of the engine would be a fault of this process.
"""

from __future__ import annotations

import os
import queue
import select
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, NamedTuple

from hermetic_runtime.cache_use import Held
from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import DrivenRun
from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.errors import HermeticError, SandboxClosed, SandboxCrashed
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import start_guest_thread
from hermetic_runtime.input_source import InputSource
from hermetic_runtime.limits import Limits
from hermetic_runtime.requests import GuestMount, GuestSettings, RunRequest
from hermetic_runtime.shared_events import (
    GuestEnded,
    GuestEvent,
    GuestEvents,
    GuestOutput,
    InputWanted,
)

GRACE_SECONDS = 0.2
_CANCEL_AGAIN_SECONDS = 0.02
_END_SECONDS = 5.0


class _SaveRequest(NamedTuple):
    """The state of the guest is to be written to `descriptor`."""

    descriptor: int


class _Turn:
    """One guest of this process executes at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def forget(self) -> None:
        """In a forked process, where whoever held it does not exist."""
        self.lock = threading.Lock()


_turn = _Turn()
os.register_at_fork(after_in_child=_turn.forget)
_loaded: dict[Environment, LoadedEnvironment] = {}
_held: list[Held] = []


def _load(environment: Environment) -> LoadedEnvironment:
    if environment not in _loaded:
        _loaded[environment] = load_environment(environment)
        _held.append(Held(environment))
    return _loaded[environment]


class SharedGuest:
    """A guest in a thread of this process; a `Driver`.

    The guest bounds its own time through epoch checks. The caller's thread waits, hands
    its output on and reads its input.
    """

    def __init__(
        self,
        environment: Environment,
        limits: Limits,
        variables: Mapping[str, str],
        mounts: Sequence[GuestMount],
        *,
        keep_files: bool = False,
        state_fd: int | None = None,
        state_limits: Limits | None = None,
    ) -> None:
        """The descriptors stay the caller's: those of `mounts` must outlive the guest, and
        that of the state its start.
        """
        self.interpreter = ""
        self._environment = environment
        state = os.dup(state_fd) if state_fd is not None else None
        settings = GuestSettings(
            limits, dict(variables), tuple(mounts), keep_files, state, state_limits
        )
        self._thread = _GuestThread(settings)
        self._finalizer = weakref.finalize(self, self._thread.end)
        self._cancelled = False

    def start(self) -> None:
        with _turn.lock:
            loaded = _load(self._environment)
            self.interpreter = loaded.interpreter.description
            error = self._thread.start(loaded)
        if error is None:
            return
        self.close()
        if isinstance(error, HermeticError):
            raise error
        raise SandboxCrashed(f"the guest could not start: {error}") from error

    def run(self, request: RunRequest, output: CapturedOutput, source: InputSource) -> DrivenRun:
        guest = self._thread.guest
        if guest is None or not self._finalizer.alive or self._cancelled:
            raise SandboxClosed("the guest has not started, was cancelled, or was closed")
        with _turn.lock:
            conversation = _Conversation(self._thread.events, guest, output, source)
            self._thread.requests.put(request)
            try:
                ended = conversation.until_end(lambda: self._cancelled)
            except BaseException as error:
                conversation.stop(softly=isinstance(error, KeyboardInterrupt))
                raise
        if ended.report is None:
            raise SandboxCrashed(f"the guest was lost: {ended.error}") from ended.error
        return DrivenRun(ended.report, list(ended.changes))

    def save(self, file: BinaryIO, most_bytes: int) -> None:
        """As a `SavingDriver` does."""
        if self._thread.guest is None or not self._finalizer.alive:
            raise SandboxClosed("the guest has not started, or was closed")
        with _turn.lock:
            self._thread.requests.put(_SaveRequest(os.dup(file.fileno())))
            error = self._thread.wait().error
        if error is not None:
            raise SandboxCrashed(f"the guest could not be saved: {error}") from error
        if os.fstat(file.fileno()).st_size > most_bytes:
            raise SandboxCrashed("the guest's state is larger than its limits allow")

    def cancel(self) -> None:
        self._cancelled = True
        if self._finalizer.alive:
            self._thread.events.wake()

    def close(self) -> None:
        self._finalizer()


class _GuestThread:
    """The thread that a guest lives in: it boots, then runs what comes, until told to end."""

    def __init__(self, settings: GuestSettings) -> None:
        self.guest: Guest | None = None
        self.events = GuestEvents()
        self.requests: queue.SimpleQueue[RunRequest | _SaveRequest | None] = queue.SimpleQueue()
        self._settings = settings
        self._thread: threading.Thread | None = None

    def start(self, loaded: LoadedEnvironment) -> Exception | None:
        """Boot the guest; what went wrong, if something did."""
        self._thread = start_guest_thread(lambda: self._serve(loaded))
        return self.wait().error

    def wait(self) -> GuestEnded:
        """Until what the thread was told to do, other than to run, has ended."""
        poll = select.poll()
        poll.register(self.events, select.POLLIN)
        while True:
            poll.poll()
            for event in self.events.take():
                if isinstance(event, GuestEnded):
                    return event

    def end(self) -> None:
        """Free the guest. One that can't be stopped keeps its thread until the process ends."""
        self.requests.put(None)
        if self._thread is not None:
            self._thread.join(_END_SECONDS)
        if self._thread is None or not self._thread.is_alive():
            self.events.close()

    def _serve(self, loaded: LoadedEnvironment) -> None:
        try:
            self.guest = guest = Guest(
                loaded,
                self._settings,
                deliver=lambda stream, data: self.events.put(GuestOutput(stream, data)),
                request_input=lambda: self.events.put(InputWanted()),
            )
            guest.boot()
        except Exception as error:
            if self.guest is not None:
                self.guest.close()
            self.events.put(GuestEnded(error=error))
            return
        self.events.put(GuestEnded())
        while (request := self.requests.get()) is not None:
            try:
                if isinstance(request, _SaveRequest):
                    guest.hibernate(request.descriptor)
                    self.events.put(GuestEnded())
                    continue
                report = guest.run(request)
                self.events.put(GuestEnded(report, guest.changes()))
            except Exception as error:
                self.events.put(GuestEnded(error=error))
        guest.close()


class _Conversation:
    """One run, as the caller's thread follows it."""

    def __init__(
        self, events: GuestEvents, guest: Guest, output: CapturedOutput, source: InputSource
    ) -> None:
        self._events = events
        self._guest = guest
        self._output = output
        self._source = source
        self._poll = select.poll()
        self._poll.register(events, select.POLLIN)
        self._ended: GuestEnded | None = None

    def until_end(self, is_cancelled: Callable[[], bool]) -> GuestEnded:
        while self._ended is None:
            if is_cancelled():
                self._guest.cancel()
            self._react(_CANCEL_AGAIN_SECONDS if is_cancelled() else None)
        return self._ended

    def stop(self, *, softly: bool) -> None:
        """End the run, after a grace to end by itself if `softly`."""
        if softly:
            self._guest.interrupt()
        deadline = time.monotonic() + (GRACE_SECONDS if softly else 0.0)
        last = deadline + _END_SECONDS
        while self._ended is None and time.monotonic() < last:
            if time.monotonic() >= deadline:
                self._guest.cancel()
            self._react(_CANCEL_AGAIN_SECONDS)

    def _react(self, timeout: float | None) -> None:
        for descriptor, _ in self._poll.poll(None if timeout is None else timeout * 1000):
            if descriptor != self._events.fileno():
                self._poll.unregister(descriptor)
                self._pass_input()
                continue
            for event in self._events.take():
                self._obey(event)

    def _obey(self, event: GuestEvent) -> None:
        match event:
            case GuestOutput(stream, data):
                self._output.add(stream, data)
            case InputWanted():
                descriptor = self._source.fileno()
                if descriptor is None:
                    self._pass_input()
                else:
                    self._poll.register(descriptor, select.POLLIN)
            case GuestEnded():
                self._ended = event

    def _pass_input(self) -> None:
        data = self._source.read()
        if data:
            self._guest.feed_input(data)
        else:
            self._guest.end_input()
