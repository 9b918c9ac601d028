"""Guests that stand where their snapshots were taken, for forked processes to go on with.

What is done before a fork need not be done after it: neither the work, nor the faults
on all the pages that it touches.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from hermetic_runtime.bindings import Trap, WasmtimeError
from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.errors import HermeticError
from hermetic_runtime.guest import Guest, take_rewound
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.interpreters.machine import Machine
from hermetic_runtime.limits import Limits
from hermetic_runtime.requests import GuestSettings
from hermetic_runtime.snapshots.stored import LoadedSnapshot


class RestoredGuests:
    """At most one of each snapshot of an environment. Nothing of them has been executed.

    One that can't be restored is left out: who needs it is told why.
    """

    def __init__(self, environment: LoadedEnvironment) -> None:
        """Restores one at random, which is all that a first fork needs."""
        self._environment = environment
        self._guests: list[tuple[LoadedSnapshot, Guest]] = []
        self._adopted: GuestSettings | None = None
        self._missing = sorted(environment.snapshots, key=lambda _: os.urandom(8))
        run_in_guest_thread(self._restore_one)

    def restore_others(self) -> None:
        """Those that are missing, as ready as the first."""
        run_in_guest_thread(self._restore_missing)
        if self._adopted is not None:
            self.adopt(self._adopted)

    def _restore_missing(self) -> None:
        while self._missing:
            self._restore_one()

    def _restore_one(self) -> None:
        if self._missing:
            self._restore(self._missing.pop())

    def _restore(self, snapshot: LoadedSnapshot) -> None:
        limits = Limits()
        most = max(limits.memory_bytes, snapshot.memory_bytes)
        settings = GuestSettings(replace(limits, memory_bytes=most))
        with suppress(HermeticError, WasmtimeError, Trap):
            guest = Guest(
                self._environment, settings, deliver=_drop, request_input=_ignore, snapshot=snapshot
            )
            guest.restore()
            self._guests.append((snapshot, guest))

    def renew(self, used: Guest) -> None:
        """Free a guest that was executed, and restore another one if it was of these, with those
        that are missing.

        To be called in a guest thread.
        """
        used.close()
        self._adopted = None
        self._missing += [snapshot for snapshot, guest in self._guests if guest is used]
        self._guests = [restored for restored in self._guests if restored[1] is not used]
        self._restore_missing()

    def adopt(self, settings: GuestSettings) -> None:
        """Have all that suit these settings ready for a fork to take."""
        self._adopted = settings
        for guest in self._fitting(settings):
            guest.adopt(settings)

    def take(
        self,
        settings: GuestSettings,
        *,
        deliver: Callable[[str, bytes], None],
        request_input: Callable[[], None],
    ) -> Guest | None:
        """In a forked process: a guest to boot, which must be renewed before the next is taken.
        None if none suits the settings.
        """
        fitting = self._fitting(settings)
        if not fitting:
            return None
        guest = fitting[os.urandom(1)[0] % len(fitting)]
        if settings is not self._adopted:
            guest.adopt(settings)
        guest.connect(deliver=deliver, request_input=request_input)
        return guest

    def machine_of(self, snapshot: LoadedSnapshot) -> Machine | None:
        """In a forked process: a machine for a guest of `snapshot` that is none of these, because
        it has variables, mounts or a state. That of the one that was restored from it, once, and
        then those that were rewound.
        """
        for position, (restored, guest) in enumerate(self._guests):
            if restored is snapshot:
                del self._guests[position]
                return guest.leave_machine()
        return take_rewound(snapshot)

    def _fitting(self, settings: GuestSettings) -> list[Guest]:
        if settings.environment or settings.mounts or settings.state_fd is not None:
            return []
        most = settings.limits.memory_bytes
        return [guest for snapshot, guest in self._guests if snapshot.memory_bytes <= most]


def _drop(_stream: str, _data: bytes) -> None:
    return


def _ignore() -> None:
    return
