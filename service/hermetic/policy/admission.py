"""A call that the gate let pass, until it has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from hermetic.audit.log import AuditLog
from hermetic.audit.records import Record, abandoned, carried_out
from hermetic.policy.counting import CounterStore
from hermetic.policy.decisions import Call, Decision
from hermetic.policy.usage_of_runs import spent
from hermetic_runtime.results import RunResult


class Admission:
    """What a call may do, and what it was counted as.

    It is ended once: by `carried_out` or by `abandoned`. Both block and may be called from
    any thread. As a context manager it is abandoned unless it was ended inside.
    """

    def __init__(
        self,
        call: Call,
        decision: Decision,
        call_id: str,
        *,
        counters: CounterStore,
        audit: AuditLog,
        clock: Callable[[], float],
    ) -> None:
        """`counters` is one whose `give_back` and `add` do not fail."""
        self.call = call
        self.decision = decision
        self.id = call_id
        """By which the audit log names this call."""
        self._counters = counters
        self._audit = audit
        self._clock = clock
        self._lock = threading.Lock()
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._ended:
            self.abandoned(kind.__name__ if kind else "")

    def carried_out(self, result: RunResult) -> None:
        """The call came to a run. What that used is counted and written down.

        Raises `RuntimeError` when the admission has ended before.
        """
        self._end()
        used = spent(result)
        amounts = {key: used[name] for name, key in self.decision.spends if used[name]}
        if amounts:
            self._counters.add(amounts)
        self._write(
            carried_out(
                self.call,
                result,
                call_id=self.id,
                time=self._clock(),
                spent=used,
            )
        )

    def abandoned(self, why: str = "") -> None:
        """The call came to nothing, and counts for nothing.

        `why` is written down, so it must quote nothing of the call. Raises `RuntimeError`
        when the admission has ended before.
        """
        self._end()
        if self.decision.reservations:
            self._counters.give_back(self.decision.reservations)
        self._write(abandoned(self.call, why, call_id=self.id, time=self._clock()))

    def _end(self) -> None:
        with self._lock:
            if self._ended:
                raise RuntimeError("the admission has ended before")
            self._ended = True

    def _write(self, record: Record) -> None:
        self._audit.write_or_owe(record)
