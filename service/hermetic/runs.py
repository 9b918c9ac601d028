"""All runs of a service: queued with bounds, started in fair turns, watched, cancelled."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from hermetic.awaiting_ends import await_end
from hermetic.errors import QueueFull, ServiceStopping
from hermetic.executing import Execution, cancelled_result
from hermetic.grants import Grant
from hermetic.logs import log_event
from hermetic.measurements import Measurements
from hermetic.orders import RunOrder
from hermetic.policy.admission import Admission
from hermetic.session_executing import SessionExecution
from hermetic.sessions import Sessions
from hermetic.settings import ServiceSettings
from hermetic.submitted_run import SubmittedRun, new_run_id
from hermetic.telling import Followed, Telling
from hermetic.tracing import Tracing
from hermetic.turns import FairQueue
from hermetic_runtime.driver import GuestSource
from hermetic_runtime.errors import HermeticError
from hermetic_runtime.processes.spares import SparePool
from hermetic_runtime.processes.workers import WorkerPool
from hermetic_runtime.results import RunResult

_log = logging.getLogger("hermetic.runs")
_LONGEST_WAIT_SECONDS = 60
_STOPPING_RETRY_SECONDS = 5
_FIRST_GUESS_SECONDS = 0.1
_SMOOTHING = 0.1
_QUICK_BYTES = 64 * 1024
"""To pack and send more than this takes time, which an event loop has not."""
_CANCEL_SECONDS = 10.0
"""How long cancelled runs may take at shutdown: what ends a guest takes milliseconds."""


class RunService:
    """Belongs to one event loop. A run that lasts is watched by a thread of its own."""

    def __init__(self, settings: ServiceSettings, measurements: Measurements) -> None:
        self._settings = settings
        self._measurements = measurements
        self._queue: FairQueue[SubmittedRun] = FairQueue()
        self._running = set[SubmittedRun]()
        measurements.running.set_function(lambda: len(self._running))
        measurements.waiting.set_function(lambda: len(self._queue))
        self._doing = set[asyncio.Future[None]]()
        self._threads = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="run")
        self._spares = SparePool(settings.spares)
        self._workers = WorkerPool(settings.concurrency) if settings.shared else None
        self.sessions = Sessions(settings)
        self.tracing: Tracing | None = None
        self._typical_seconds = _FIRST_GUESS_SECONDS
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether no more runs are taken."""
        return self._stopping

    def guests_for(self, grant: Grant) -> GuestSource:
        """Where the guests of its runs live."""
        if self._workers is not None and grant.shared:
            return self._workers.of(grant.id)
        return self._spares

    def folder_of(self, run: str) -> Path:
        """Where the files are that a run made, if they are kept."""
        return self._settings.data_directory / "files" / run

    def submit(
        self,
        grant: Grant,
        order: RunOrder,
        *,
        followed: Followed = "nothing",
        recovered: str | None = None,
        admission: Admission | None = None,
    ) -> SubmittedRun:
        """Take a run in; it starts when it is its turn.

        One that is `recovered` was taken in before under that id, so no bound refuses it.
        From here on its `admission` is the run's to end. Raises `InvalidInput`, `QueueFull`,
        `ServiceStopping`, and `SessionBusy` when its session is in use, all before anything
        starts; the admission is abandoned then.
        """
        try:
            run = self._take_in(grant, order, followed=followed, recovered=recovered)
        except BaseException as error:
            self._abandon(admission, type(error).__name__)
            raise
        run.admission = admission
        self._queue.put(grant.id, run)
        self._start_next()
        return run

    def _take_in(
        self, grant: Grant, order: RunOrder, *, followed: Followed, recovered: str | None
    ) -> SubmittedRun:
        request = order.request(followed=followed == "everything")
        if self._stopping:
            raise ServiceStopping(
                "the service is being stopped", retry_after_seconds=_STOPPING_RETRY_SECONDS
            )
        if recovered is None:
            self._check_room(grant)
        session = self.sessions.reserve(grant, order.session.id) if order.session else None
        id_ = recovered or new_run_id()

        def executing(telling: Telling) -> Execution | SessionExecution:
            if session is not None:
                return SessionExecution(order, telling, session)
            out = self.folder_of(id_) if order.keep_files else None
            small = request if request.size_bytes <= _QUICK_BYTES else None
            return Execution(order, telling, self.guests_for(grant), out, small)

        run = SubmittedRun(grant, order, id_, executing, self.cancel, followed=followed)
        if session is not None:
            run.ended.add_done_callback(lambda _: session.release())
        if self.tracing is not None:
            self.tracing.follow(run.id, grant.id, run.ended)
        return run

    def afterwards(self, work: Callable[[str], None], about: str) -> None:
        """Have `work`, which may wait for a disk, done without waiting for it."""
        doing = asyncio.get_running_loop().run_in_executor(None, work, about)
        self._doing.add(doing)
        doing.add_done_callback(self._doing.discard)

    def _abandon(self, admission: Admission | None, why: str) -> None:
        if admission is not None:
            self.afterwards(admission.abandoned, why)

    def _check_room(self, grant: Grant) -> None:
        if len(self._running) < self._settings.concurrency:
            return
        for length, most, whose in (
            (len(self._queue), self._settings.queue_length, "in all"),
            (self._queue.length_of(grant.id), self._settings.queue_length_per_grant, "of this key"),
        ):
            if length >= most:
                self._measurements.refused.labels("queue_full").inc()
                rounds = (length + 1) / self._settings.concurrency
                seconds = math.ceil(rounds * self._typical_seconds)
                raise QueueFull(
                    f"{length:,} runs {whose} wait already",
                    retry_after_seconds=max(1, min(seconds, _LONGEST_WAIT_SECONDS)),
                    hint="Try again after the time that is given.",
                )

    def cancel(self, run: SubmittedRun) -> None:
        """End a run. One that waits never starts; one that has ended stays as it is."""
        if self._queue.remove(run.grant.id, run):
            run.settle(cancelled_result())
            self._abandon(run.admission, "cancelled")
        else:
            run.execution.cancel()

    def _start_next(self) -> None:
        while len(self._queue) and len(self._running) < self._settings.concurrency:
            _, run = self._queue.take()
            run.started = True
            self._running.add(run)
            began = time.perf_counter()
            carry_on = partial(self._carry_on, run, began)
            if (begun := run.begin()) is None:
                carry_on(has_ended=False)
            else:
                await_end(begun, carry_on)

    def _carry_on(self, run: SubmittedRun, began: float, *, has_ended: bool) -> None:
        """In a thread that may wait, unless the run has ended."""
        if has_ended:
            self._end(run, began, _outcome_of(run))
            return
        loop = asyncio.get_running_loop()
        try:
            self._threads.submit(self._execute, run, began, loop)
        except RuntimeError as error:  # the system has no thread for it, or all is over
            self._abandon(run.admission, type(error).__name__)
            loop.call_soon(self._end, run, began, error)

    def _execute(self, run: SubmittedRun, began: float, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread of its own, from which the end comes to the loop in one step."""
        ended = _outcome_of(run)
        with suppress(RuntimeError):  # the loop has closed, and nobody waits
            loop.call_soon_threadsafe(self._end, run, began, ended)
        del ended  # an error holds this frame

    def _end(self, run: SubmittedRun, began: float, ended: RunResult | BaseException) -> None:
        seconds = time.perf_counter() - began
        self._typical_seconds += _SMOOTHING * (seconds - self._typical_seconds)
        self._running.discard(run)
        self._queue.end(run.grant.id)
        run.settle(ended)
        self._start_next()
        # Whoever waits for the run goes on in the next turn but one, and comes first.
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._note_end, run, seconds, ended)

    def _note_end(
        self, run: SubmittedRun, seconds: float, ended: RunResult | BaseException
    ) -> None:
        if isinstance(ended, RunResult):
            outcome = ended.outcome.value
            self._measurements.runs.labels(outcome).inc()
            self._measurements.run_seconds.observe(seconds)
        else:
            outcome = ended.code if isinstance(ended, HermeticError) else "internal"
            self._measurements.refused.labels(outcome).inc()
        log_event(
            _log,
            "run",
            run=run.id,
            grant=run.grant.id,
            outcome=outcome,
            seconds=round(seconds, 4),
        )

    async def stop(self) -> None:
        """Take no more; let what is there end, for a set time; then cancel the rest."""
        self._stopping = True
        deadline = time.monotonic() + self._settings.shutdown_seconds
        while (self._running or len(self._queue)) and time.monotonic() < deadline:
            await self._wait_for_any(deadline - time.monotonic())
        while len(self._queue):
            grant, run = self._queue.take()
            self._queue.end(grant)
            run.settle(cancelled_result())
            self._abandon(run.admission, "stopped")
        for run in list(self._running):
            run.execution.cancel()
        last = time.monotonic() + _CANCEL_SECONDS
        while self._running and time.monotonic() < last:
            await self._wait_for_any(last - time.monotonic())
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._spares.close)
        if self._workers is not None:
            await asyncio.to_thread(self._workers.close)
        await asyncio.to_thread(self.sessions.close)
        await asyncio.gather(*self._doing, return_exceptions=True)

    async def _wait_for_any(self, seconds: float) -> None:
        await asyncio.wait(
            [run.ended for run in self._running],
            timeout=max(seconds, 0.0),
            return_when=asyncio.FIRST_COMPLETED,
        )


def _outcome_of(run: SubmittedRun) -> RunResult | BaseException:
    try:
        return run.execute()
    except BaseException as error:
        return error
