"""Runs that outlive their request: kept in the database, taken up again after a restart."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

from hermetic.database import Database
from hermetic.errors import IdempotencyConflict, NotAllowed, StorageError, UnknownRun
from hermetic.failures import failure_fields
from hermetic.grants import LOCAL, Grant
from hermetic.kept_files import KeptFiles
from hermetic.orders import RunOrder
from hermetic.policy.enforcing import AdmittedOrder
from hermetic.runs import RunService
from hermetic.settings import ServiceSettings
from hermetic.submitted_run import SubmittedRun
from hermetic_runtime.errors import HermeticError
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult

T = TypeVar("T")

_log = logging.getLogger("hermetic.runs")
_SWEEP_SECONDS = 60.0
_COLUMNS = "id, state, created, finished, result"


@dataclass(frozen=True, slots=True)
class KeptRun:
    """Times in seconds since the epoch. `result` is that of `RunResult.to_dict`, and
    `error` the code, message and hint of what kept the run from being executed.
    """

    id: str
    state: str
    """`waiting`, `running`, `ended` or `failed`."""
    created: float
    finished: float | None = None
    result: dict[str, Any] | None = None
    error: dict[str, str | None] | None = None


class KeptRuns:
    """Belongs to one event loop; the database is used in threads beside it."""

    def __init__(
        self,
        database: Database,
        service: RunService,
        files: KeptFiles,
        settings: ServiceSettings,
    ) -> None:
        self._database = database
        self._files = files
        self._service = service
        self._settings = settings
        self._live: dict[str, SubmittedRun] = {}
        self._unwanted = set[str]()
        self._closing = set[asyncio.Task[None]]()
        self._starting = asyncio.Lock()

    async def submit(
        self,
        grant: Grant,
        take: Callable[[], Awaitable[AdmittedOrder]],
        *,
        idempotency_key: str | None = None,
        request_hash: bytes = b"",
    ) -> KeptRun:
        """Take a run in and keep it, or find the one that the same key was given before.

        `take` gives the order, which policy counts, and is only called for a new one. Raises
        what it does, what `RunService.submit` does, `IdempotencyConflict` when the key was used
        for another request, `NotAllowed` when the grant keeps too many runs, `StorageError`.
        """
        async with self._starting:
            if idempotency_key is not None:
                earlier = await self._earlier(grant, idempotency_key, request_hash)
                if earlier is not None:
                    return earlier
            await self._check_room(grant)
            order, admission = await take()
            run = self._service.submit(grant, order, admission=admission)
            record = (
                run.id,
                grant.id,
                "waiting",
                time.time(),
                await asyncio.to_thread(order.encode),
                idempotency_key,
                request_hash,
            )
            try:
                await self._in_transaction(
                    "INSERT INTO runs (id, grant_id, state, created, run_order, idempotency_key,"
                    " request_hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    *record,
                )
            except BaseException:
                run.cancel()
                raise
        self._follow(run.id, run)
        return KeptRun(run.id, _state(run), record[3])

    async def _earlier(self, grant: Grant, key: str, request_hash: bytes) -> KeptRun | None:
        query = "SELECT id, request_hash FROM runs WHERE grant_id = ? AND idempotency_key = ?"
        rows = cast("list[tuple[str, bytes]]", await self._read(query, grant.id, key))
        if not rows:
            return None
        run, before = rows[0]
        if before != request_hash:
            raise IdempotencyConflict(
                "this idempotency key was used for another request",
                hint="Make a new key for each request; repeat one only with the same body.",
            )
        return await self.find(grant, run)

    async def _check_room(self, grant: Grant) -> None:
        rows = await self._read("SELECT count(*) FROM runs WHERE grant_id = ?", grant.id)
        if cast("int", rows[0][0]) >= self._settings.kept_runs_per_grant:
            raise NotAllowed(
                f"this key keeps {rows[0][0]:,} runs, as many as it may",
                hint="DELETE the runs whose results are no longer needed.",
            )

    async def find(self, grant: Grant, run: str) -> KeptRun:
        """Raises `UnknownRun`, for another grant's run as well."""
        query = f"SELECT {_COLUMNS} FROM runs WHERE id = ? AND grant_id = ?"
        rows = await self._read(query, run, grant.id)
        if not rows:
            raise UnknownRun(
                f"there is no run {run[:60]!r}",
                hint="It may be of another key, or its result has expired.",
            )
        _, state, created, finished, result = cast(
            "tuple[str, str, float, float | None, str | None]", rows[0]
        )
        live = self._live.get(run)
        if live is not None and finished is None:
            state = _state(live)
        what = json.loads(result) if result is not None else None
        return KeptRun(
            run,
            state,
            created,
            finished,
            result=what if state == "ended" else None,
            error=what if state == "failed" else None,
        )

    async def wait(self, grant: Grant, run: str) -> KeptRun:
        """`find`, when the run has ended."""
        await self.find(grant, run)
        live = self._live.get(run)
        if live is not None:
            await asyncio.wait([live.ended])
            while self._live.get(run) is live:
                await asyncio.wait(self._closing, return_when=asyncio.FIRST_COMPLETED)
        return await self.find(grant, run)

    async def remove(self, grant: Grant, run: str) -> KeptRun:
        """Cancel a run that has not ended; forget one that has. How it was before.

        Raises `UnknownRun`.
        """
        found = await self.find(grant, run)
        live = self._live.get(run)
        if live is not None:
            self._unwanted.add(run)
            live.cancel()
            return found
        if found.finished is None:  # it ended while it was being looked up
            found = await self.find(grant, run)
        await self._in_transaction("DELETE FROM runs WHERE id = ?", run)
        await asyncio.to_thread(self._files.forget_made, run)
        return found

    async def recover(self, grants: Callable[[str], Grant | None]) -> int:
        """Take up again what a service that ended before had not finished; how many.

        `grants` finds a grant by its id; runs of one that is no more are cancelled.
        """
        query = "SELECT id, grant_id, run_order FROM runs WHERE finished IS NULL ORDER BY created"
        rows = cast("list[tuple[str, str, str]]", await self._read(query))
        for name, grant_id, order in rows:
            grant = LOCAL if grant_id == LOCAL.id else grants(grant_id)
            try:
                if grant is None:
                    raise NotAllowed(
                        "the key of this run was revoked", hint="Make the run with another key."
                    )
                run = await self._take_up(grant, name, RunOrder.decode(order))
            except (HermeticError, ValueError, KeyError, TypeError) as error:
                await self._finish(name, "failed", failure_fields(error))
            else:
                self._follow(name, run)
        return len(rows)

    async def _take_up(self, grant: Grant, name: str, order: RunOrder) -> SubmittedRun:
        """A run in a session is not executed twice: what it did there may have been kept."""
        place = order.session
        if place is not None:
            record = await asyncio.to_thread(self._service.sessions.find, grant, place.id)
            if record.generation != place.generation:
                raise NotAllowed(
                    "the service was restarted, and the session went on without this run",
                    hint="Look at what the session has before the run is made again.",
                )
        return self._service.submit(grant, order, recovered=name)

    async def sweep(self) -> None:
        """Forget results that have expired, now and then, until cancelled."""
        while True:
            try:
                await self._in_transaction(
                    "DELETE FROM runs WHERE finished < ?", time.time() - self._settings.kept_seconds
                )
            except StorageError:
                _log.exception("expired results could not be removed")
            await asyncio.sleep(_SWEEP_SECONDS)

    async def settle(self) -> None:
        """Wait until the ends of all runs are written."""
        while self._closing:
            await asyncio.wait(self._closing)

    def _follow(self, name: str, run: SubmittedRun) -> None:
        self._live[name] = run
        task = asyncio.get_running_loop().create_task(self._write_end(name, run))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _write_end(self, name: str, run: SubmittedRun) -> None:
        try:
            try:
                result = await run.result()
                if run.order.keep_files and run.started:
                    await asyncio.to_thread(self._files.take_made, run.grant, name)
            except Exception as error:
                await self._finish(name, "failed", failure_fields(error))
            else:
                if not self._is_for_later(name, result):
                    await self._finish(name, "ended", result.to_dict())
        except StorageError:
            _log.exception("the end of a run could not be written", extra={"run": name})
        finally:
            self._live.pop(name, None)
            self._unwanted.discard(name)

    def _is_for_later(self, name: str, result: RunResult) -> bool:
        """Whether it was cut off by the end of the service: the next one takes it up."""
        cut_off = self._service.stopping and result.outcome is Outcome.CANCELLED
        return cut_off and name not in self._unwanted

    async def _finish(self, name: str, state: str, what: Mapping[str, Any]) -> None:
        text = await asyncio.to_thread(json.dumps, what)
        await self._in_transaction(
            "UPDATE runs SET state = ?, finished = ?, result = ?, run_order = NULL WHERE id = ?",
            state,
            time.time(),
            text,
            name,
        )

    async def _in_transaction(self, statement: str, *values: object) -> None:
        def work() -> None:
            with self._database.transaction() as connection:
                connection.execute(statement, cast("Any", values))

        await asyncio.to_thread(work)

    async def _read(self, query: str, *values: object) -> list[tuple[object, ...]]:
        return await asyncio.to_thread(partial(self._database.read, query, *values))


def _state(run: SubmittedRun) -> str:
    return "running" if run.started else "waiting"
