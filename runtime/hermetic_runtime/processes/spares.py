"""Guest processes started ahead of need, for environments and limits that are in demand."""

from __future__ import annotations

import math
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
from hermetic_runtime.processes.quiet_moments import QuietMoments

IDLE_SECONDS = 60.0
"""How long spares wait for a run that never comes."""
_LOOK_SECONDS = 0.25
_LOOK_SOON_SECONDS = 0.004
"""While runs come one after the other the thread of a pool looks so often, and nobody wakes it:
it would take the interpreter's lock from those who answer."""
_LEAVING_SECONDS = 0.016
"""A process ends by itself after its run. After so long, nobody has to wait for that."""
_OF_EACH_RUN = Limits()
"""Limits that a guest process learns with each run, so that spares need not differ in them."""


class _Kind(NamedTuple):
    environment: Environment
    limits: Limits
    keep_files: bool


@dataclass
class _Demand:
    """`wanted` grows with runs that found no spare, where more of them would have helped."""

    last_taken: float
    wanted: int = 0
    spares: deque[GuestProcess] = field(default_factory=deque[GuestProcess])


class SparePool:
    """At most `most` spares, of all kinds together; none of a kind that nobody asks for.

    A spare has never run anything, and is given away once. Any thread may call. Spares are
    started, and what is handed to `retire` is closed, in a thread of the pool.
    """

    def __init__(self, most: int, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._most = most
        self._idle_seconds = idle_seconds
        self._demands: dict[_Kind, _Demand] = {}
        self._changed = threading.Condition()
        self._retired: deque[tuple[float, Driver]] = deque()
        self._moments = QuietMoments()
        self._closed = False
        self._thread = threading.Thread(target=self._keep, name="spares", daemon=True)
        self._thread.start()

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
            demand = self._demands.setdefault(kind, _Demand(time.monotonic()))
            spare = self._take_waiting(demand.spares)
            if spare is None and self._are_too_few(demand.wanted):
                demand.wanted = min(demand.wanted + 1, self._most)
            self._note_taken(demand, spare)
            return spare

    def take_waiting(
        self, environment: Environment, limits: Limits, *, keep_files: bool = False
    ) -> GuestProcess | None:
        """As `take`, which is to be asked when this gives none."""
        kind = _Kind(environment, limits_of_process(limits), keep_files)
        with self._changed:
            demand = self._demands.get(kind)
            if demand is None or (spare := self._take_waiting(demand.spares)) is None:
                return None
            self._note_taken(demand, spare)
            return spare

    def _note_taken(self, demand: _Demand, spare: GuestProcess | None) -> None:
        demand.last_taken = time.monotonic()
        self._wake_if_asleep()
        self._moments.run_began(found_ready=spare is not None)

    def _are_too_few(self, spares: int) -> bool:
        """Whether more would have helped a run that found none. They would not if spares are
        only held back, for a run that is under way.
        """
        return spares <= self._moments.under_way or self._moments.is_pressed

    def _take_waiting(self, spares: deque[GuestProcess]) -> GuestProcess | None:
        while spares:
            spare = spares.popleft()
            if spare.is_waiting():
                return spare
            self._retire(spare)
        return None

    def retire(self, driver: Driver) -> None:
        """Close it soon: its run has ended, and the caller has no more use for it."""
        with self._changed:
            if not self._closed:
                self._retire(driver)
                self._wake_if_asleep()
                self._moments.run_ended()
                return
        driver.close()

    def _retire(self, driver: Driver) -> None:
        self._retired.append((time.monotonic(), driver))

    def _wake_if_asleep(self) -> None:
        if not self._moments.is_busy:
            self._changed.notify()

    def close(self) -> None:
        """End all spares; when this returns, nothing of them is left."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        with self._changed:
            for demand in self._demands.values():
                self._retire_all(demand.spares)
            self._demands.clear()
        self._close_retired(before=math.inf)

    def _keep(self) -> None:
        while not self._closed:
            self._close_retired(before=time.monotonic() - _LEAVING_SECONDS)
            if (kind := self._next_wanted()) is not None:
                self._start_spare(kind)

    def _close_retired(self, *, before: float) -> None:
        while self._retired and self._retired[0][0] < before:
            self._retired.popleft()[1].close()

    def _start_spare(self, kind: _Kind) -> None:
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
            return
        with self._changed:
            if (demand := self._demands.get(kind)) is None:
                self._retire(spare)
                return
            demand.spares.append(spare)
            if self._moments.runs_leave_a_processor:
                spare.rehearse()

    def _next_wanted(self) -> _Kind | None:
        """A kind that has fewer spares than it should; None after a wait for one."""
        with self._changed:
            self._forget_idle()
            lacking = [
                (demand.last_taken, kind)
                for kind, demand in self._demands.items()
                if len(demand.spares) < demand.wanted
            ]
            if self._closed:
                return None
            patience = _LOOK_SOON_SECONDS if self._moments.is_busy else _LOOK_SECONDS
            if lacking:
                last_taken, kind = max(lacking)
                if away := self._moments.seconds_away():
                    patience = min(patience, away)
                elif self._make_room(newer_than=last_taken):
                    return kind
            self._changed.wait(patience)
            return None

    def _forget_idle(self) -> None:
        oldest = time.monotonic() - self._idle_seconds
        for kind, demand in list(self._demands.items()):
            if demand.last_taken < oldest:
                del self._demands[kind]
                self._retire_all(demand.spares)

    def _retire_all(self, spares: deque[GuestProcess]) -> None:
        while spares:
            self._retire(spares.popleft())

    def _make_room(self, *, newer_than: float) -> bool:
        """Whether there may be one more, if need be at the cost of a kind asked for earlier."""
        if sum(len(demand.spares) for demand in self._demands.values()) < self._most:
            return True
        full = [demand for demand in self._demands.values() if demand.spares]
        oldest = min(full, key=lambda demand: demand.last_taken)
        if oldest.last_taken >= newer_than:
            return False
        oldest.wanted -= 1
        self._retire(oldest.spares.pop())
        return True


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
