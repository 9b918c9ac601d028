"""One run in a session, in a thread that may wait for it."""

from __future__ import annotations

import threading

from hermetic.errors import HermeticError
from hermetic.executing import cancelled_result
from hermetic.orders import RunOrder
from hermetic.sessions import ReservedSession
from hermetic.telling import Telling
from hermetic_runtime.results import RunResult
from hermetic_runtime.sessions.session import Session


class SessionExecution:
    """`run` belongs in one thread; `cancel` may be called from any other, at any time."""

    def __init__(self, order: RunOrder, telling: Telling, session: ReservedSession) -> None:
        self._order = order
        self._telling = telling
        self._reserved = session
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._cancelled = False

    def run(self) -> RunResult:
        """Raises what `Session.open` and `Session.run` do, but for a run that was cancelled."""
        try:
            result = self._run_in_session()
        except HermeticError:
            if not self._cancelled:
                raise
            result = cancelled_result()
        finally:
            with self._lock:
                self._session = None
        self._telling.end(result)
        return result

    def _run_in_session(self) -> RunResult:
        order = self._order
        session = self._reserved.open()
        for path, data in order.files.items():
            session.files.put(path.removeprefix("/workspace/"), data)
        session.wake()
        with self._lock:
            if self._cancelled:
                return cancelled_result()
            self._session = session
        return session.run(
            order.code,
            filename=order.filename,
            args=order.args,
            stdin=order.stdin,
            limits=order.limits,
            inputs=order.inputs,
            imports=order.imports,
            on_output=self._telling.on_output,
        )

    def cancel(self) -> None:
        """End the run now; its session is as it was before it. The guest of a run that has
        ended is left alone.
        """
        with self._lock:
            self._cancelled = True
            if self._session is not None:
                self._session.cancel()
