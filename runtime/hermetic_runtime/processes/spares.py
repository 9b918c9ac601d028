"""Guest processes started ahead of need, for environments and limits that are in demand."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

from hermetic_runtime.driver import Driver
from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import HermeticError
from hermetic_runtime.limits import Limits
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.launchers import launcher

IDLE_SECONDS = 60.0
"""How long spares wait for a run that never comes."""
_LOOK_SECONDS = 1.0
_SETTLE_SECONDS = 0.002
"""So long a run has the processors for itself before a spare is started for the next one."""
_OF_EACH_RUN = Limits()
"""Limits that a guest process learns with each run, so that spares need not differ in them."""


class _Kind(NamedTuple):
    environment: Environment
    limits: Limits
    keep_files: bool


@dataclass
class _Demand:
    """`wanted` grows with every run that found no spare."""

    last_taken: float
    wanted: int = 0
    spares: deque[GuestProcess] = field(default_factory=deque[GuestProcess])


class SparePool:
    """At most `most` spares, of all kinds together; none of a kind that nobody asks for.

    A spare has never run anything, and is given away once. Any thread may call. What
    is handed to `retire` is closed in a thread of the pool.
    """

    def __init__(self, most: int, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._most = most
        self._idle_seconds = idle_seconds
        self._demands: dict[_Kind, _Demand] = {}
        self._changed = threading.Condition()
        self._retired: queue.SimpleQueue[Driver | None] = queue.SimpleQueue()
        self._closed = False
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for target, name in ((self._fill, "spares"), (self._close_retired, "retired"))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def ready(self) -> int:
        """How many spares wait for a run."""
        with self._changed:
            return sum(len(demand.spares) for demand in self._demands.values())

    def take(
        self, environment: Environment, limits: Limits, *, keep_files: bool = False
    ) -> GuestProcess | None:
        """A guest process that has booted with these limits; None if there is no spare."""
        kind = _Kind(environment, limits_of_process(limits), keep_files)
        with self._changed:
            if self._closed:
                return None
            now = time.monotonic()
            demand = self._demands.setdefault(kind, _Demand(now))
            demand.last_taken = now
            while demand.spares:
                spare = demand.spares.popleft()
                self._changed.notify()
                if spare.is_waiting():
                    return spare
                self._retired.put(spare)
            demand.wanted = min(demand.wanted + 1, self._most)
            self._changed.notify()
            return None

    def retire(self, driver: Driver) -> None:
        """Close it soon. The caller has no more use for it."""
        if self._closed:
            driver.close()
        else:
            self._retired.put(driver)

    def close(self) -> None:
        """End all spares; when this returns, nothing of them is left."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._threads[0].join()
        with self._changed:
            for demand in self._demands.values():
                for spare in demand.spares:
                    self._retired.put(spare)
            self._demands.clear()
        self._retired.put(None)
        self._threads[1].join()

    def _fill(self) -> None:
        while (kind := self._next_wanted()) is not None:
            spare = GuestProcess(
                launcher(kind.environment), kind.limits, {}, (), keep_files=kind.keep_files
            )
            try:
                spare.start()
            except (HermeticError, OSError):
                # Whoever needs one is told why, by trying it without the pool.
                with self._changed:
                    if (demand := self._demands.get(kind)) is not None:
                        demand.wanted = len(demand.spares)
                continue
            with self._changed:
                demand = self._demands.get(kind)
                if demand is None:
                    self._retired.put(spare)
                else:
                    demand.spares.append(spare)

    def _next_wanted(self) -> _Kind | None:
        """Wait for a kind that has fewer spares than it should; None when closed."""
        with self._changed:
            while not self._closed:
                self._forget_idle()
                lacking = [
                    (demand.last_taken, kind)
                    for kind, demand in self._demands.items()
                    if len(demand.spares) < demand.wanted
                ]
                if not lacking:
                    self._changed.wait(_LOOK_SECONDS)
                    continue
                last_taken, kind = max(lacking)
                unsettled = last_taken + _SETTLE_SECONDS - time.monotonic()
                if unsettled > 0:
                    self._changed.wait(unsettled)
                elif self._make_room(newer_than=last_taken):
                    return kind
                else:
                    self._changed.wait(_LOOK_SECONDS)
        return None

    def _forget_idle(self) -> None:
        oldest = time.monotonic() - self._idle_seconds
        for kind, demand in list(self._demands.items()):
            if demand.last_taken < oldest:
                del self._demands[kind]
                for spare in demand.spares:
                    self._retired.put(spare)

    def _make_room(self, *, newer_than: float) -> bool:
        """Whether there may be one more, if need be at the cost of a kind asked for earlier."""
        if sum(len(demand.spares) for demand in self._demands.values()) < self._most:
            return True
        full = [demand for demand in self._demands.values() if demand.spares]
        oldest = min(full, key=lambda demand: demand.last_taken)
        if oldest.last_taken >= newer_than:
            return False
        oldest.wanted -= 1
        self._retired.put(oldest.spares.pop())
        return True

    def _close_retired(self) -> None:
        while (process := self._retired.get()) is not None:
            process.close()


@lru_cache(maxsize=256)
def limits_of_process(limits: Limits) -> Limits:
    """What a process must be started with, so that it can serve runs of `limits`."""
    return replace(
        limits,
        wall_seconds=_OF_EACH_RUN.wall_seconds,
        cpu_seconds=_OF_EACH_RUN.cpu_seconds,
        output_bytes=_OF_EACH_RUN.output_bytes,
        source_bytes=_OF_EACH_RUN.source_bytes,
    )
