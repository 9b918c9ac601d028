"""The zygote as the caller's process sees it. Linux only.

There is one for each environment, started when it is first needed, replaced
when it has died, and forgotten in a process that was forked from this one.
"""

from __future__ import annotations

import atexit
import os
import socket
import threading
import weakref
from collections.abc import Callable

from hermetic_runtime.cache_use import Held
from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import NoMoreProcesses, SandboxCrashed
from hermetic_runtime.limits import MIB
from hermetic_runtime.processes.launching import LaunchedProcess
from hermetic_runtime.processes.protocol import encode
from hermetic_runtime.processes.zygote_child import (
    LOAD_SECONDS,
    ZygoteChild,
    ZygoteLost,
    ZygoteSilent,
    receive_child,
)
from hermetic_runtime.processes.zygote_messages import Spawn
from hermetic_runtime.processes.zygote_process import start_zygote

MOST_LAUNCHES = 5000
"""After so many forks a zygote is replaced, whatever it may have gathered."""
_MOST_GROWTH_BYTES = 64 * MIB
_LOOK_EVERY = 100
"""Launches between two looks at how much memory a zygote has."""


class Zygote:
    """A running zygote. Threads may launch at the same time: each launch has its own
    socket for answers.
    """

    def __init__(self, environment: Environment) -> None:
        """Start a zygote for `environment`. Does not wait for it."""
        self._held = Held(environment)
        self._process = start_zygote(environment)
        self._process.control.settimeout(LOAD_SECONDS)
        self._launches = 0
        self._first_bytes = 0
        self._children: weakref.WeakSet[ZygoteChild] = weakref.WeakSet()
        self._counting = threading.Lock()

    @property
    def is_worn(self) -> bool:
        """Whether another one should take its place: it forked often, or it has grown."""
        with self._counting:
            if self._launches >= MOST_LAUNCHES:
                return True
            if self._launches % _LOOK_EVERY != 1:
                return False
            now = self._process.own_bytes()
            self._first_bytes = self._first_bytes or now
            return now > self._first_bytes + _MOST_GROWTH_BYTES

    @property
    def has_children(self) -> bool:
        """Whether a guest process of it is still held by somebody."""
        with self._counting:
            return any(not child.closed for child in self._children)

    def launch(self, guest_end: socket.socket, spawn: Spawn) -> ZygoteChild:
        """Raises `ZygoteLost`, `ZygoteSilent`, and `SandboxCrashed` when there can be no more
        processes.
        """
        try:
            reports, remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise NoMoreProcesses(error.errno) from None
        try:
            with remote:
                self._ask(spawn, guest_end, remote)
            child = receive_child(reports)
        except BaseException:
            reports.close()
            raise
        with self._counting:
            self._launches += 1
            self._children.add(child)
        return child

    def _ask(self, spawn: Spawn, guest_end: socket.socket, remote: socket.socket) -> None:
        descriptors = [guest_end.fileno(), remote.fileno()]
        try:
            socket.send_fds(self._process.control, [encode(spawn)], descriptors)
        except TimeoutError:
            raise ZygoteSilent from None
        except OSError:
            raise ZygoteLost from None

    def last_words(self) -> str:
        """The end of what it wrote to its log."""
        return self._process.last_words()

    def close(self) -> None:
        """End it, and with it all that it forked."""
        self._process.close()
        self._held.close()

    def forget(self) -> None:
        """Let go of it in a forked process: it belongs to the parent."""
        self._process.forget()
        self._held.close()


class ZygoteLauncher:
    """Launches through the zygote of one environment."""

    def __init__(self, environment: Environment, *, keeps_state: bool = False) -> None:
        self._environment = environment
        self._keeps_state = keeps_state

    def launch(self, connect: Callable[[], socket.socket], *, alone: bool) -> LaunchedProcess:
        """Start a guest process. Raises `SandboxCrashed`, with the last words of a
        zygote that ends whenever it is started.
        """
        spawn = Spawn(self._keeps_state, alone)
        zygote = _zygotes.get(self._environment)
        try:
            return self._launch_by(zygote, connect, spawn)
        except ZygoteLost:
            zygote = _zygotes.replace(self._environment, zygote)
        try:
            return self._launch_by(zygote, connect, spawn)
        except ZygoteLost:
            _zygotes.discard(self._environment, zygote)
            words = zygote.last_words() or "it said nothing"
            served = self._environment.interpreter
            raise SandboxCrashed(f"the zygote of {served} ended: {words}") from None

    def _launch_by(
        self, zygote: Zygote, connect: Callable[[], socket.socket], spawn: Spawn
    ) -> ZygoteChild:
        try:
            with connect() as guest_end:
                return zygote.launch(guest_end, spawn)
        except ZygoteSilent:
            _zygotes.retire(self._environment, zygote)
            raise


class _Zygotes:
    """The zygotes of this process."""

    def __init__(self) -> None:
        self._running: dict[Environment, Zygote] = {}
        self._worn: list[Zygote] = []
        self._lock = threading.Lock()

    def get(self, environment: Environment) -> Zygote:
        with self._lock:
            zygote = self._running.get(environment)
            if zygote is not None and zygote.is_worn:
                self._worn.append(zygote)
                zygote = None
            if zygote is None:
                zygote = self._running[environment] = Zygote(environment)
            childless = [each for each in self._worn if not each.has_children]
            self._worn = [each for each in self._worn if each not in childless]
        for each in childless:
            each.close()
        return zygote

    def replace(self, environment: Environment, lost: Zygote) -> Zygote:
        """Another one for `lost`, unless another thread was quicker."""
        self.discard(environment, lost)
        return self.get(environment)

    def retire(self, environment: Environment, silent: Zygote) -> None:
        """Launch no more through it, and end it once its guests have ended."""
        with self._lock:
            if self._running.get(environment) is silent:
                del self._running[environment]
                self._worn.append(silent)

    def discard(self, environment: Environment, lost: Zygote) -> None:
        with self._lock:
            if self._running.get(environment) is not lost:
                return
            del self._running[environment]
        lost.close()

    def close(self) -> None:
        with self._lock:
            running, self._running = [*self._running.values(), *self._worn], {}
            self._worn = []
        for zygote in running:
            zygote.close()

    def forget(self) -> None:
        for zygote in (*self._running.values(), *self._worn):
            zygote.forget()
        self.__init__()


_zygotes = _Zygotes()
atexit.register(_zygotes.close)
os.register_at_fork(after_in_child=_zygotes.forget)
