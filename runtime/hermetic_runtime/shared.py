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
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from hermetic_runtime.cache_use import Held
from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import DrivenRun
from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.errors import HermeticError, SandboxClosed, SandboxCrashed
from hermetic_runtime.guest import Guest, start_guest_thread
from hermetic_runtime.input_source import InputSource
from hermetic_runtime.kernel.overlay import Change
from hermetic_runtime.limits import Limits
from hermetic_runtime.requests import GuestMount, GuestSettings, RunReport, RunRequest

GRACE_SECONDS = 0.2
_CANCEL_AGAIN_SECONDS = 0.02
_END_SECONDS = 5.0


class _Output(NamedTuple):
    stream: str
    data: bytes


class _InputWanted(NamedTuple):
    """The guest reads stdin, and nothing is there."""


class _Ended(NamedTuple):
    """`error` is a fault of ours, in boot or run."""

    report: RunReport | None = None
    changes: Sequence[tuple[int, Change]] = ()
    error: Exception | None = None


_Event = _Output | _InputWanted | _Ended


class _Events:
    """From the guest thread to the caller's, which waits for them with `poll`."""

    def __init__(self) -> None:
        self._waiting: deque[_Event] = deque()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def fileno(self) -> int:
        return self._reader

    def put(self, event: _Event) -> None:
        self._waiting.append(event)
        self.wake()

    def wake(self) -> None:
        try:
            os.write(self._writer, b"\0")
        except BlockingIOError:
            return

    def take(self) -> list[_Event]:
        try:
            os.read(self._reader, 4096)
        except BlockingIOError:
            return []
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)


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
    ) -> None:
        self.interpreter = ""
        self._environment = environment
        settings = GuestSettings(limits, dict(variables), tuple(mounts), keep_files)
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
        self.events = _Events()
        self.requests: queue.SimpleQueue[RunRequest | None] = queue.SimpleQueue()
        self._settings = settings
        self._thread: threading.Thread | None = None

    def start(self, loaded: LoadedEnvironment) -> Exception | None:
        """Boot the guest; what went wrong, if something did."""
        self._thread = start_guest_thread(lambda: self._serve(loaded))
        poll = select.poll()
        poll.register(self.events, select.POLLIN)
        while True:
            poll.poll()
            for event in self.events.take():
                if isinstance(event, _Ended):
                    return event.error

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
                deliver=lambda stream, data: self.events.put(_Output(stream, data)),
                request_input=lambda: self.events.put(_InputWanted()),
            )
            guest.boot()
        except Exception as error:
            self.events.put(_Ended(error=error))
            return
        self.events.put(_Ended())
        while (request := self.requests.get()) is not None:
            try:
                report = guest.run(request)
                self.events.put(_Ended(report, guest.changes()))
            except Exception as error:
                self.events.put(_Ended(error=error))
        guest.close()


class _Conversation:
    """One run, as the caller's thread follows it."""

    def __init__(
        self, events: _Events, guest: Guest, output: CapturedOutput, source: InputSource
    ) -> None:
        self._events = events
        self._guest = guest
        self._output = output
        self._source = source
        self._poll = select.poll()
        self._poll.register(events, select.POLLIN)
        self._ended: _Ended | None = None

    def until_end(self, is_cancelled: Callable[[], bool]) -> _Ended:
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

    def _obey(self, event: _Event) -> None:
        match event:
            case _Output(stream, data):
                self._output.add(stream, data)
            case _InputWanted():
                descriptor = self._source.fileno()
                if descriptor is None:
                    self._pass_input()
                else:
                    self._poll.register(descriptor, select.POLLIN)
            case _Ended():
                self._ended = event

    def _pass_input(self) -> None:
        data = self._source.read()
        if data:
            self._guest.feed_input(data)
        else:
            self._guest.end_input()
