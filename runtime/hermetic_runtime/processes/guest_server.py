"""The guest thread of a guest process: it boots guests and has them do what they are given."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from contextlib import suppress

from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.errors import HermeticError, SessionBaseMissing, SessionDamaged
from hermetic_runtime.guest import Guest, take_rewound
from hermetic_runtime.guest_runs import REHEARSAL
from hermetic_runtime.processes.confinement import bound_cpu_time, hold_to
from hermetic_runtime.processes.conversation import Conversation, Order, SaveRequest
from hermetic_runtime.processes.guest_reports import change_messages, report_frame
from hermetic_runtime.processes.guest_start import Beginning, begin
from hermetic_runtime.processes.idleness import has_idle_processor
from hermetic_runtime.processes.messages_from_guest import (
    Failed,
    InputWanted,
    Ready,
    Saved,
    report_frame_bytes,
)
from hermetic_runtime.processes.messages_to_guest import Rehearse, Run, Start
from hermetic_runtime.processes.protocol import encode
from hermetic_runtime.processes.restored_guests import RestoredGuests
from hermetic_runtime.processes.watch import Watch
from hermetic_runtime.requests import GuestSettings, RunReport, RunRequest
from hermetic_runtime.verdicts import timed_out

_SAVE_CPU_SECONDS = 120.0
_PATIENCE_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16)
"""Between looks for an idle processor. Who starts a process for a run has sent the run before
the first one; a spare has nothing else to do."""
_LINGER_SECONDS = 0.003
"""Freeing the memory of a process holds a processor for milliseconds, without a break (mmput in
Linux's exit_mm). For so long after its last report others have it, who carry that to the caller."""
_REHEARSALS = 3
"""The first makes most pages the process's own; after the others memory is laid out as it stays,
and the host's code has taken the short ways that CPython prepares for what runs repeatedly."""
_LONG_PATIENCE_SECONDS = (0.1, 0.1, 0.2, 0.4)
"""Between such looks of a process that has rehearsed. At 50 runs a second none waits as long."""
_USES_CPU_SECONDS = 2.0
"""For all uses of packages together."""
_REHEARSAL_FRAME = encode(Run(REHEARSAL))


class GuestServer:
    """One guest, or one after the other in a `lasting` process."""

    def __init__(
        self,
        conversation: Conversation,
        watch: Watch,
        environment: LoadedEnvironment,
        beginning: Beginning,
        restored: RestoredGuests | None,
    ) -> None:
        self._conversation = conversation
        self._watch = watch
        self._outbox = watch.outbox
        self._environment = environment
        self._settings = beginning.settings
        self._restored = restored
        self._lasting = beginning.lasting
        self._rehearses = restored is not None and beginning.settings.state_fd is None

    def serve(self) -> int:
        """Until all is done: the exit status of the process."""
        try:
            while self._serve_guest(self._boot()):
                self._settings = self._await_start()
            self._conversation.await_hangup(_LINGER_SECONDS)
            return 0
        except ConnectionError:
            return 0
        except BaseException as error:
            self._fail(error)
            if not isinstance(error, SessionDamaged | SessionBaseMissing):
                with suppress(OSError):  # the log is shared, bounded and perhaps full
                    traceback.print_exc()
            return 1

    def _boot(self) -> Guest:
        began = time.perf_counter()
        guest = self._make_guest()
        guest.boot()
        seconds = time.perf_counter() - began
        self._conversation.guest = guest
        self._outbox.send(Ready(seconds, self._environment.interpreter.description))
        return guest

    def _make_guest(self) -> Guest:
        deliver, request_input = self._outbox.deliver, self._request_input
        restored = self._restored
        guest = restored and restored.take(
            self._settings, deliver=deliver, request_input=request_input
        )
        return guest or Guest(
            self._environment,
            self._settings,
            deliver=deliver,
            request_input=request_input,
            machine_of=restored.machine_of if restored else take_rewound,
        )

    def _request_input(self) -> None:
        self._outbox.send(InputWanted())
        self._watch.wake()

    def _serve_guest(self, guest: Guest) -> bool:
        """Until its final run: whether there is another guest after it."""
        for order in self._asked_of(guest):
            if isinstance(order, SaveRequest):
                bound_cpu_time(_SAVE_CPU_SECONDS)
                guest.hibernate(order.descriptor)
                self._outbox.send(Saved())
                continue
            report = self._run(guest, order)
            if not report.alive:
                return False
            if order.final:
                if self._lasting and self._restored is not None:
                    self._restored.renew(guest)
                    return True
                return False
        raise AssertionError

    def _asked_of(self, guest: Guest) -> Iterator[RunRequest | SaveRequest]:
        """What is to be done, without an end."""
        order = self._await_first(guest)
        while True:
            if isinstance(order, RunRequest | SaveRequest):
                yield order
            elif isinstance(order, Start):
                raise ConnectionError("Start out of turn")
            order = self._conversation.await_order()

    def _await_first(self, guest: Guest) -> Order | None:
        """The first order, or None. The wait for it is made use of: once where that is asked for,
        and in moments in which nothing else has to be done.
        """
        left = _REHEARSALS if self._rehearses else 0
        waits, is_asked = iter(_PATIENCE_SECONDS), False
        while left and (seconds := 0.0 if is_asked else next(waits, None)) is not None:
            order = self._conversation.await_order(seconds)
            if isinstance(order, Rehearse):
                is_asked = True
            elif order is not None:
                return order
            elif is_asked or has_idle_processor():
                self._rehearse(guest)
                left, is_asked = left - 1, False
        return self._await_longer(guest) if self._rehearses and not left else None

    def _rehearse(self, guest: Guest) -> None:
        """Go the whole way of a run, from its frame to that of its report, and send nothing."""
        with self._outbox.muted():
            request = self._conversation.rehearse(_REHEARSAL_FRAME)
            self._report(guest.rehearse(), request)

    def _await_longer(self, guest: Guest) -> Order | None:
        """As `_await_first`, in a process that has rehearsed. What packages need takes longer to
        bring to memory: that is for processes whose runs don't follow each other.
        """
        bound_cpu_time(_USES_CPU_SECONDS)
        number = 0
        for seconds in _LONG_PATIENCE_SECONDS:
            order = self._conversation.await_order(seconds)
            while order is None and has_idle_processor():
                if not self._use_package(guest, number):
                    return None
                number += 1
                order = self._conversation.await_order(0.0)
            if order is not None:
                return order
        return None

    def _use_package(self, guest: Guest, number: int) -> bool:
        with self._outbox.muted():
            return guest.use_package(number)

    def _run(self, guest: Guest, request: RunRequest) -> RunReport:
        self._watch.begin_run()
        self._outbox.begin_run(followed=request.followed)
        report = guest.run(request, self._conversation.may_begin)
        if self._conversation.end_run():
            report = timed_out(report, "cpu_seconds")
        if request.final or not report.alive:
            self._conversation.guest = None
        self._watch.end_run()
        for mount, change in guest.changes():
            for message in change_messages(mount, change):
                self._outbox.send(message)
        self._report(report, request)
        return report

    def _report(self, report: RunReport, request: RunRequest) -> None:
        self._outbox.send_frame(report_frame(report, report_frame_bytes(request.limits)))

    def _await_start(self) -> GuestSettings:
        start = self._conversation.await_order()
        if not isinstance(start, Start):
            raise ConnectionError("the message between guests must be Start")
        if start.mounts or start.wakes:
            raise ConnectionError("a later Start comes with no descriptors")
        beginning = begin(start)
        hold_to(beginning.bounds, lasting=True)
        bound_cpu_time(_SAVE_CPU_SECONDS)
        return beginning.settings

    def _fail(self, error: BaseException) -> None:
        failed = Failed("internal", f"{type(error).__name__}: {error}")
        if isinstance(error, HermeticError):
            failed = Failed(error.code, error.message)
        with suppress(OSError):
            self._outbox.send(failed)
