"""Worker processes: guests of one owner, one after the other, in a process that stays.

For code that is trusted not to break out of its guest. Each run has a guest of its own,
with memory and files that nobody used before; what it shares with the runs before and
after it is the process around it.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import BegunRun, DrivenRun, Driver
from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import SandboxClosed, SandboxCrashed
from hermetic_runtime.input_source import InputSource
from hermetic_runtime.limits import Limits
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.launchers import launcher
from hermetic_runtime.processes.spares import limits_of_process
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import RunReport, RunRequest

MOST_GUESTS = 1000
"""After so many guests a worker is replaced, whatever it may have gathered."""
_HARMLESS = (Outcome.OK, Outcome.ERROR)
"""After any other outcome the worker ends with its guest."""


class _Kind(NamedTuple):
    environment: Environment
    owner: str
    limits: Limits
    keep_files: bool


class _Worker:
    def __init__(self, kind: _Kind) -> None:
        self.kind = kind
        self.guests = 1
        self.process = GuestProcess(
            launcher(kind.environment),
            kind.limits,
            {},
            (),
            keep_files=kind.keep_files,
            lasting=True,
        )

    @property
    def is_worn(self) -> bool:
        return self.guests >= MOST_GUESTS


class WorkerPool:
    """Workers that wait, at most `most_waiting`. Those that run something are not bounded
    here. No worker ever serves two owners. Any thread may call.
    """

    def __init__(self, most_waiting: int) -> None:
        self._most = most_waiting
        self._waiting: deque[_Worker] = deque()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many workers wait for a run."""
        return len(self._waiting)

    def of(self, owner: str) -> OwnedWorkers:
        """The workers of one owner, as a source of guests."""
        return OwnedWorkers(self, owner)

    def lend(
        self, environment: Environment, owner: str, limits: Limits, *, keep_files: bool
    ) -> LentWorker:
        """A worker whose guest has booted. Raises as `GuestProcess.start` does."""
        kind = _Kind(environment, owner, limits_of_process(limits), keep_files)
        while (worker := self._take(kind)) is not None:
            try:
                worker.process.await_another()
            except (SandboxCrashed, SandboxClosed):
                continue  # it ended while it waited
            worker.guests += 1
            return LentWorker(self, worker)
        worker = _Worker(kind)
        worker.process.start()
        return LentWorker(self, worker)

    def lend_waiting(
        self, environment: Environment, owner: str, limits: Limits, *, keep_files: bool
    ) -> LentWorker | None:
        """One whose guest has booted by now, or is on its way; None if there is none. Never
        waits.
        """
        kind = _Kind(environment, owner, limits_of_process(limits), keep_files)
        with self._lock:
            suitable = [worker for worker in self._waiting if worker.kind == kind]
            booted = [worker for worker in suitable if worker.process.has_another()]
            if not suitable:
                return None
            worker = booted[-1] if booted else suitable[0]
            self._waiting.remove(worker)
        worker.guests += 1
        return LentWorker(self, worker)

    def _take(self, kind: _Kind) -> _Worker | None:
        """The one that served last: its memory is warm."""
        with self._lock:
            for worker in reversed(self._waiting):
                if worker.kind == kind:
                    self._waiting.remove(worker)
                    return worker
        return None

    def take_back(self, worker: _Worker, *, reusable: bool) -> None:
        """Keep it, with its next guest on the way, unless it is worn or there are too many;
        then the oldest ends.
        """
        ended = worker
        if reusable and not worker.is_worn and _began_another(worker):
            with self._lock:
                if not self._closed:
                    self._waiting.append(worker)
                    if len(self._waiting) <= self._most:
                        return
                    ended = self._waiting.popleft()
        ended.process.close()

    def has_room_for(self, worker: _Worker) -> bool:
        """Whether none has to end when it is taken back now."""
        return not worker.is_worn and not self._closed and len(self._waiting) < self._most

    def close(self) -> None:
        """End all that wait; those that are lent end when they are given back."""
        with self._lock:
            self._closed = True
            waiting = list(self._waiting)
            self._waiting.clear()
        for worker in waiting:
            worker.process.close()


def _began_another(worker: _Worker) -> bool:
    try:
        worker.process.begin_another()
    except (SandboxCrashed, SandboxClosed):
        return False
    return True


class LentWorker:
    """A worker for one sandbox; a `Driver`. Given back it can reach the worker no more."""

    def __init__(self, pool: WorkerPool, worker: _Worker) -> None:
        self.interpreter = worker.process.interpreter
        self._pool = pool
        self._worker: _Worker | None = worker
        self._lock = threading.Lock()
        self._reusable = False

    def start(self) -> None:
        """It has started."""

    def run(self, request: RunRequest, output: CapturedOutput, source: InputSource) -> DrivenRun:
        return self.begin(request, output, source).finish()

    def begin(self, request: RunRequest, output: CapturedOutput, source: InputSource) -> LentRun:
        worker = self._worker
        if worker is None:
            raise SandboxClosed("the guest was closed")
        self._reusable = False
        return LentRun(self, request, worker.process.begin(request, output, source))

    def note_end(self, request: RunRequest, report: RunReport) -> None:
        """Whether the worker can serve others after it."""
        self._reusable = request.final and report.alive and report.outcome in _HARMLESS

    @property
    def goes_back_at_once(self) -> bool:
        """Whether `close` waits for nothing."""
        worker = self._worker
        return worker is None or (self._reusable and self._pool.has_room_for(worker))

    def cancel(self) -> None:
        with self._lock:
            self._reusable = False
            if self._worker is not None:
                self._worker.process.cancel()

    def close(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            self._pool.take_back(worker, reusable=self._reusable)


class LentRun:
    """A run in a worker; a `BegunRun`. One after which the worker has to end is not for an event
    loop, which would wait for that.
    """

    def __init__(self, lent: LentWorker, request: RunRequest, begun: BegunRun) -> None:
        self._lent = lent
        self._request = request
        self._begun = begun
        self._driven: DrivenRun | None = None

    def fileno(self) -> int:
        return self._begun.fileno()

    def look(self) -> bool:
        return self._begun.look() and self._ends_well()

    def _ends_well(self) -> bool:
        self._driven = self._finished()
        return self._begun.needs_only_looks and self._lent.goes_back_at_once

    @property
    def needs_only_looks(self) -> bool:
        return self._driven is None and self._begun.needs_only_looks

    def finish(self) -> DrivenRun:
        return self._driven or self._finished()

    def _finished(self) -> DrivenRun:
        driven = self._begun.finish()
        self._lent.note_end(self._request, driven.report)
        return driven


class OwnedWorkers:
    """A `GuestSource`."""

    def __init__(self, pool: WorkerPool, owner: str) -> None:
        self._pool = pool
        self._owner = owner

    def take(
        self, environment: Environment, limits: Limits, *, keep_files: bool = False
    ) -> LentWorker:
        return self._pool.lend(environment, self._owner, limits, keep_files=keep_files)

    def take_waiting(
        self, environment: Environment, limits: Limits, *, keep_files: bool = False
    ) -> LentWorker | None:
        return self._pool.lend_waiting(environment, self._owner, limits, keep_files=keep_files)

    def retire(self, driver: Driver) -> None:
        driver.close()
