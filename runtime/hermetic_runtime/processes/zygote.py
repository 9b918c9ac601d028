"""The zygote: the clean process that guest processes are forked from. Linux only.

It has loaded an environment and never runs a guest; it has one thread, an empty
environment and no descriptors but its control socket, its log and those of what it has
loaded. Nothing that is of one caller comes into its memory, because all processes that
are forked later inherit that. It ends when the control socket closes or when the process
that started it is gone, and its guest processes never outlive it.
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import socket
import stat
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import NoReturn

from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.processes import guest_process
from hermetic_runtime.processes.collapsing import collapse_memory
from hermetic_runtime.processes.confinement import ParentDeath, confine_all
from hermetic_runtime.processes.fields import ProtocolError
from hermetic_runtime.processes.forking import LoneFork
from hermetic_runtime.processes.guest_start import Beginning, LastBeginning
from hermetic_runtime.processes.messages_from_guest import Failed
from hermetic_runtime.processes.passing import receive
from hermetic_runtime.processes.programs import CONTROL_DESCRIPTOR, leave_terminal
from hermetic_runtime.processes.protocol import FrameDecoder, Message, encode
from hermetic_runtime.processes.restored_guests import RestoredGuests
from hermetic_runtime.processes.watch import expect_alarms
from hermetic_runtime.processes.zygote_messages import TO_ZYGOTE, Exited, Spawn, Spawned

_ENVIRONMENT_BYTES = 16 * 1024
"""Room for three paths of the greatest length (PATH_MAX, Linux limits.h)."""
_RECORD_BYTES = 4096
_MOST_DESCRIPTORS = 2
_LIKELY = (
    "hermetic_runtime.interpreters.loading",
    "hermetic_runtime.interpreters.pyodide",
    "hermetic_runtime.snapshots.stored",
)
_KEEPING_STATE = ("hermetic_runtime.sessions.hibernation", "xxhash", "zstandard", "hashlib")


def main(parent_pid: str) -> None:
    """Load the environment that the first record names, and fork guest processes of it
    until told to end. `parent_pid` is the process that started this one.
    """
    leave_terminal()
    control = socket.socket(fileno=CONTROL_DESCRIPTOR)
    parent = os.pidfd_open(os.getppid())
    if os.getppid() != int(parent_pid):
        return
    confine_all()
    expect_alarms()
    _import_while_waiting(control)
    encoded = control.recv(_ENVIRONMENT_BYTES)
    if not encoded:
        return
    environment = load_environment(Environment.decode(encoded))
    restored = RestoredGuests(environment)
    # Collections in a child must not touch, and so copy, the pages of what is shared.
    gc.freeze()
    gc.enable()
    Zygote(control, parent, environment, restored).serve()


def _import_while_waiting(control: socket.socket) -> None:
    """What the interpreter that is likely needs, unless the caller is there already."""
    for module in _LIKELY:
        if select.select([control], [], [], 0)[0]:
            return
        importlib.import_module(module)


class Child:
    """A guest process. `reports` is a socket to whoever watches over it."""

    def __init__(self, pid: int, pidfd: int, reports: socket.socket) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.reports = reports
        self.watched = True


class Zygote:
    """Forks a guest process for each request, and tells of its end."""

    def __init__(
        self,
        control: socket.socket,
        parent_pidfd: int,
        environment: LoadedEnvironment,
        restored: RestoredGuests,
    ) -> None:
        self._control = control
        self._environment = environment
        self._restored = restored
        self._parent_death = ParentDeath()
        self._fork = LoneFork()
        self._last_beginning = LastBeginning(restored)
        self._children: dict[int, Child] = {}
        self._forks = 0
        self._reactions: dict[int, Callable[[], None]] = {}
        """To descriptors, none of which a child has any use for."""
        self._serving = True
        # Not epoll: a child would share the set of descriptors with its parent.
        self._poll = select.poll()
        self._watch(control.fileno(), self._receive)
        self._watch(parent_pidfd, self._stop)

    def serve(self) -> None:
        """Until the control socket closes or the parent has gone; then nothing is left."""
        while self._serving:
            ready = self._poll.poll()
            # All are looked up first: what is opened by one may have the number of another.
            for react in [self._reactions[descriptor] for descriptor, _ in ready]:
                react()
        for child in list(self._children.values()):
            self._kill(child)
            self._reap(child)

    def _watch(self, descriptor: int, react: Callable[[], None]) -> None:
        self._poll.register(descriptor, select.POLLIN)
        self._reactions[descriptor] = react

    def _let_go_of(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        del self._reactions[descriptor]

    def _stop(self) -> None:
        self._serving = False

    def _receive(self) -> None:
        """Do what a record asks. One that asks for nothing that there is gets no answer: its
        descriptors are closed, which tells who waits for one.
        """
        record, descriptors = receive(self._control, _RECORD_BYTES, _MOST_DESCRIPTORS)
        try:
            if not record:
                self._stop()
                return
            spawn = _read_spawn(record)
            guest_end, reports = _sockets(descriptors)
            descriptors = []
        except ProtocolError:
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        if spawn.keeps_state:
            self._import_what_keeps_state()
        self._prepare_for_more()
        beginning = None if spawn.alone else self._last_beginning.take(guest_end)
        self._spawn(guest_end, reports, beginning)

    def _import_what_keeps_state(self) -> None:
        """Once, and not in each guest process. Guests of one run need none of it."""
        if not sys.modules.keys() >= set(_KEEPING_STATE):
            for module in _KEEPING_STATE:
                importlib.import_module(module)
            gc.freeze()

    def _spawn(
        self, guest_end: socket.socket, reports: socket.socket, beginning: Beginning | None
    ) -> None:
        try:
            pid = self._fork()
        except OSError as error:
            guest_end.close()
            self._refuse(reports, error)
            return
        if pid == 0:
            self._become_guest_process(guest_end, reports, beginning)
        guest_end.close()
        try:
            pidfd = os.pidfd_open(pid)
        except OSError as error:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self._refuse(reports, error)
            return
        child = self._children[pid] = Child(pid, pidfd, reports)
        _send(reports, Spawned(pid), child.pidfd)
        self._watch(child.pidfd, partial(self._reap, child))
        self._watch(reports.fileno(), partial(self._kill, child))

    def _prepare_for_more(self) -> None:
        """Before the second process: the first is all that a command needs, and it waits."""
        self._forks += 1
        if self._forks == 2:
            self._restored.restore_others()
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            collapse_memory()

    def _refuse(self, reports: socket.socket, error: OSError) -> None:
        _send(reports, Failed("sandbox_crashed", f"can't fork: {error.strerror}"))
        reports.close()

    def _become_guest_process(
        self, guest_end: socket.socket, reports: socket.socket, beginning: Beginning | None
    ) -> NoReturn:
        try:
            self._parent_death.kill_with_parent()
            for descriptor in self._reactions:
                os.close(descriptor)
            for child in self._children.values():
                if not child.watched:
                    child.reports.close()
            os.close(reports.detach())
            guest_process.main(guest_end, self._environment, self._restored, beginning)
        finally:
            os._exit(1)

    def _kill(self, child: Child) -> None:
        """Whoever watched over this child has let go of it."""
        if self._children.get(child.pid) is child and child.watched:
            child.watched = False
            self._let_go_of(child.reports.fileno())
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)

    def _reap(self, child: Child) -> None:
        del self._children[child.pid]
        self._let_go_of(child.pidfd)
        if child.watched:
            self._let_go_of(child.reports.fileno())
        _, status, usage = os.wait4(child.pid, 0)
        os.close(child.pidfd)
        _send(
            child.reports,
            Exited(
                status=os.waitstatus_to_exitcode(status),
                cpu_seconds=usage.ru_utime + usage.ru_stime,
                peak_memory_bytes=usage.ru_maxrss * 1024,
            ),
        )
        child.reports.close()


def _read_spawn(record: bytes) -> Spawn:
    """Raises `ProtocolError` for a record that is not one request."""
    decoder = FrameDecoder(TO_ZYGOTE)
    requests = list(decoder.feed(record))
    if len(requests) != 1 or not isinstance(requests[0], Spawn) or not decoder.is_between_frames:
        raise ProtocolError("a record that is not one request")
    return requests[0]


def _sockets(descriptors: Iterable[int]) -> tuple[socket.socket, socket.socket]:
    """Takes them over, unless it raises `ProtocolError` for what is not two sockets."""
    match [each for each in descriptors if stat.S_ISSOCK(os.fstat(each).st_mode)]:
        case [guest_end, reports]:
            return socket.socket(fileno=guest_end), socket.socket(fileno=reports)
        case _:
            raise ProtocolError("a request without two sockets")


def _send(reports: socket.socket, message: Message, *descriptors: int) -> None:
    """Nobody has to listen: who asked may have gone."""
    with suppress(OSError):
        socket.send_fds(reports, [encode(message)], descriptors, socket.MSG_DONTWAIT)
