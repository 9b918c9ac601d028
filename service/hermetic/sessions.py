"""The sessions of a service: whose they are, who uses one now, and which are awake."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from hermetic.errors import (
    HermeticError,
    NotAllowed,
    SessionBusy,
    SessionNotFound,
)
from hermetic.grants import Grant
from hermetic.session_orders import SessionOrder, SessionView
from hermetic.settings import ServiceSettings
from hermetic_runtime.providing import OnProgress
from hermetic_runtime.sessions.records import SessionRecord
from hermetic_runtime.sessions.session import Session
from hermetic_runtime.sessions.store import SessionStore
from hermetic_runtime.sessions.workspace import Workspace

T = TypeVar("T")
_THREADS = 16
_log = logging.getLogger("hermetic.sessions")
_ID = re.compile(r"[0-9a-f]{16}")
_SWEEP_SECONDS = 5.0
_EXPIRY_SWEEPS = 60
"""Every so many sweeps, sessions that have expired are looked for."""


class Sessions:
    """Everything here may wait for a disk, but `reserve`; any thread may call.

    A session of another grant is not there. An open one keeps its guest, up to
    `live_sessions` of them: the one that was used longest ago then makes room.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self.kept_seconds: Callable[[str], float] = lambda _: settings.session_kept_seconds
        """How long the sessions of a grant, by its id, are kept after they were used last."""
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._reserved = set[tuple[str, str]]()
        self._lock = threading.Lock()
        self._creating = threading.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sessions")

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do what may take long beside the event loop, and beside its own threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def find(self, grant: Grant, id: str) -> SessionRecord:  # noqa: A002
        """Raises `SessionNotFound`."""
        return self._find(SessionStore(), grant, id)

    def _find(self, store: SessionStore, grant: Grant, id: str) -> SessionRecord:  # noqa: A002
        try:
            if _ID.fullmatch(id):
                record = store.records.find(id, grant.id)
                if record.id == id:
                    return record
        except SessionNotFound:
            pass
        raise SessionNotFound(
            f"there is no session {id[:60]!r}",
            hint="Sessions are named by their ids, and are seen by the key that made them.",
        ) from None

    def list(self, grant: Grant) -> list[SessionView]:
        """The one that was used last comes first."""
        return [self._view(record) for record in SessionStore().records.list(grant.id)]

    def show(self, grant: Grant, id: str) -> SessionView:  # noqa: A002
        """With checkpoints, and what its workspace takes. Raises `SessionNotFound`."""
        store = SessionStore()
        record = self._find(store, grant, id)
        usage = _workspace(store, record).usage()
        checkpoints = tuple((it.name, it.created) for it in store.records.checkpoints(id))
        return replace(self._view(record), checkpoints=checkpoints, usage=usage)

    def _view(self, record: SessionRecord) -> SessionView:
        with self._lock:
            busy = (record.owner, record.id) in self._reserved
            session = self._open.get(record.id)
        if busy:
            return SessionView(record, "busy")
        return SessionView(record, "live" if session and session.is_live else "hibernating")

    def workspace(self, grant: Grant, id: str) -> Workspace:  # noqa: A002
        """To read from, also while a run is under way. Raises `SessionNotFound`."""
        store = SessionStore()
        return _workspace(store, self._find(store, grant, id))

    def create(
        self, grant: Grant, order: SessionOrder, on_progress: OnProgress | None = None
    ) -> SessionView:
        """Make one, with all that it needs. Raises what `Session.create` does, and
        `NotAllowed` when the grant has as many as it may.
        """
        with self._creating:
            self._check_room(grant, order.most)
        with Session.create(
            order.name,
            owner=grant.id,
            env=order.env,
            limits=order.limits,
            requirements=order.requirements,
            interpreter=order.interpreter,
            packages=order.packages,
            on_progress=on_progress,
        ) as session:
            return SessionView(session.record, "hibernating")

    def fork(
        self,
        grant: Grant,
        id: str,  # noqa: A002
        name: str | None,
        most: int | None = None,
    ) -> SessionView:
        """`most` as in a `SessionOrder`.

        Raises `SessionNotFound`, `SessionBusy`, and as `create` does.
        """
        with self._creating:
            self._check_room(grant, most)
            return SessionView(
                self.use(grant, id, lambda session: session.fork(name)), "hibernating"
            )

    def _check_room(self, grant: Grant, most: int | None) -> None:
        count = len(SessionStore().records.list(grant.id))
        room = self._settings.sessions_per_grant
        if count >= (room if most is None else min(room, most)):
            raise NotAllowed(
                f"this key has {count:,} sessions, as many as it may",
                hint="Delete the sessions that are no longer needed.",
            )

    def use(self, grant: Grant, id: str, work: Callable[[Session], T]) -> T:  # noqa: A002
        """Do something with a session that nobody else uses meanwhile.

        Raises `SessionNotFound`, `SessionBusy`, `SessionDamaged`, and what `work` raises.
        """
        self.find(grant, id)
        with self.reserve(grant, id) as reserved:
            return work(reserved.open())

    def room(self, grant: Grant, id: str) -> int:  # noqa: A002
        """How many bytes more its workspace can hold. Raises `SessionNotFound`."""
        store = SessionStore()
        record = self._find(store, grant, id)
        return max(0, record.limits.disk_bytes - _workspace(store, record).usage().bytes)

    def reserve(self, grant: Grant, id: str) -> ReservedSession:  # noqa: A002
        """For one user, until it is released. Raises `SessionBusy`."""
        with self._lock:
            if (grant.id, id) in self._reserved:
                raise SessionBusy(
                    "the session is in use",
                    hint="Wait for the run that uses it, or fork the session.",
                )
            self._reserved.add((grant.id, id))
        return ReservedSession(self, grant, id)

    def open_reserved(self, grant: Grant, id: str) -> Session:  # noqa: A002
        """For `ReservedSession`. Raises `SessionNotFound`, `SessionBusy`, `SessionDamaged`."""
        with self._lock:
            session = self._open.get(id)
            if session is not None and session.record.owner == grant.id:
                self._open.move_to_end(id)
                return session
        self.find(grant, id)
        self._make_room()
        session = Session.open(id, owner=grant.id)
        session.idle_seconds = self._settings.session_idle_seconds
        with self._lock:
            self._open[id] = session
        return session

    def _make_room(self) -> None:
        """Hibernate what nobody uses, as far as that is needed for one more."""
        with self._lock:
            too_many = len(self._open) + 1 - self._settings.live_sessions
            leaving = [self._open.pop(each) for each in self._idle()[: max(0, too_many)]]
        for session in leaving:
            session.close()

    def _idle(self) -> list[str]:
        return [
            id_
            for id_, session in self._open.items()
            if (session.record.owner, id_) not in self._reserved
        ]

    def release_reserved(self, grant: Grant, id: str) -> None:  # noqa: A002
        """For `ReservedSession`."""
        with self._lock:
            self._reserved.discard((grant.id, id))
            session = self._open.get(id)
            if session is not None and session.closed:
                del self._open[id]

    async def sweep(self) -> None:
        """Let go of sessions that hibernate, and delete those that have expired, now and
        then, until cancelled.
        """
        rounds = 0
        while True:
            try:
                await asyncio.to_thread(self._let_go)
                if rounds % _EXPIRY_SWEEPS == 0:
                    await asyncio.to_thread(self._delete_expired)
            except (HermeticError, OSError):
                _log.exception("sessions could not be swept")
            rounds += 1
            await asyncio.sleep(_SWEEP_SECONDS)

    def _let_go(self) -> None:
        with self._lock:
            leaving = [
                self._open.pop(each) for each in self._idle() if not self._open[each].is_live
            ]
        for session in leaving:
            session.close()

    def _delete_expired(self) -> None:
        """Those without an owner belong to a user of this machine, and stay."""
        for record in SessionStore().records.list():
            if not record.owner or record.used >= time.time() - self.kept_seconds(record.owner):
                continue
            try:
                with self.reserve(Grant(record.owner, ""), record.id) as reserved:
                    reserved.open().delete()
            except (SessionBusy, SessionNotFound):
                continue

    def close(self) -> None:
        """Hibernate all."""
        with self._lock:
            leaving = list(self._open.values())
            self._open.clear()
        for session in leaving:
            session.close()
        self._threads.shutdown(wait=False)


class ReservedSession:
    """A session that nobody else of this service uses. A context manager."""

    def __init__(self, sessions: Sessions, grant: Grant, id: str) -> None:  # noqa: A002
        self._sessions = sessions
        self._grant = grant
        self._id = id

    def open(self) -> Session:
        """Raises `SessionNotFound`, `SessionBusy` for one that another process has open,
        and `SessionDamaged`.
        """
        return self._sessions.open_reserved(self._grant, self._id)

    def release(self) -> None:
        """From now on another may use it."""
        self._sessions.release_reserved(self._grant, self._id)

    def __enter__(self) -> ReservedSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _workspace(store: SessionStore, record: SessionRecord) -> Workspace:
    return Workspace(store.folder(record.id).file(record.workspace), record.limits)
