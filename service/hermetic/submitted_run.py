"""One run of a service, from when it was taken in until it has ended."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial

from hermetic.executing import Execution
from hermetic.grants import Grant
from hermetic.orders import Ended, RunEvent, RunOrder
from hermetic.policy.admission import Admission
from hermetic.session_executing import SessionExecution
from hermetic.telling import Followed, Telling
from hermetic_runtime.driver import BegunRun
from hermetic_runtime.results import RunResult


def new_run_id() -> str:
    """128 random bits: nobody can guess another's."""
    return f"run_{secrets.token_hex(16)}"


class SubmittedRun:
    """A run that was taken in. Belongs to the event loop."""

    def __init__(
        self,
        grant: Grant,
        order: RunOrder,
        id: str,  # noqa: A002
        executing: Callable[[Telling], Execution | SessionExecution],
        cancel: Callable[[SubmittedRun], None],
        *,
        followed: Followed,
    ) -> None:
        """`executing` makes what `execute` does, which tells its events to what it is given.
        `cancel` ends the run, whether it waits or runs.
        """
        self.id = id
        self.grant = grant
        self.order = order
        self.started = False
        self.admission: Admission | None = None
        """What policy allowed. Ended by the run: in its thread, or when it never starts."""
        self.ended: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()
        self._cancel = cancel
        self._followed: Followed = followed
        self._events: asyncio.Queue[RunEvent | None] | None = None
        tell = _tell_nobody
        if followed != "nothing":
            self._events = asyncio.Queue()
            tell = partial(_tell_from_thread, asyncio.get_running_loop(), self._events)
        # Not with a method of this object: it would hold itself, and the result with it.
        self.execution = executing(Telling(tell, followed))

    async def result(self) -> RunResult:
        """Wait for the end. Raises what the sandbox raised. Does not cancel when cancelled."""
        return await asyncio.shield(self.ended)

    async def events(self) -> AsyncIterator[RunEvent]:
        """What is followed, as it happens; of everything, `Ended` is the last. Raises what the
        sandbox raised. Only for a run that is followed, and only once.
        """
        assert self._events is not None
        while (event := await self._events.get()) is not None:
            yield event
        if (error := self.ended.exception()) is not None:
            raise error

    def begin(self) -> BegunRun | None:
        """As `Execution.begin`. None as well for what has to be written down when it ends."""
        if self.admission is not None or not isinstance(self.execution, Execution):
            return None
        return self.execution.begin()

    def execute(self) -> RunResult:
        """In a thread, which may wait, unless it has ended. Raises what the sandbox raised."""
        try:
            result = self.execution.run()
        except BaseException as error:
            if self.admission is not None:
                self.admission.abandoned(type(error).__name__)
            raise
        if self.admission is not None:
            self.admission.carried_out(result)
        return result

    def cancel(self) -> None:
        """End it now, whether it waits or runs. One that has ended stays as it is."""
        if not self.ended.done():
            self._cancel(self)

    def settle(self, result: RunResult | BaseException) -> None:
        """The end of it. An error that nobody waits for is not an accident."""
        if self.ended.done():
            return
        if isinstance(result, BaseException):
            self.ended.set_exception(result)
            self.ended.exception()
        else:
            self.ended.set_result(result)
        if self._events is None:
            return
        if self._followed == "everything" and isinstance(result, RunResult) and not self.started:
            self._events.put_nowait(Ended(result))
        self._events.put_nowait(None)


def _tell_from_thread(
    loop: asyncio.AbstractEventLoop, events: asyncio.Queue[RunEvent | None], event: RunEvent
) -> None:
    with suppress(RuntimeError):  # the loop has closed, and nobody listens
        loop.call_soon_threadsafe(events.put_nowait, event)


def _tell_nobody(_event: RunEvent) -> None:
    return
