"""A guest process as the caller's process holds it: started, run, bounded, and ended."""

from __future__ import annotations

import os
import select
import socket
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import BinaryIO, NamedTuple

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import BegunRun, DrivenRun
from hermetic_runtime.errors import (
    HermeticError,
    NoMoreProcesses,
    SandboxClosed,
    SandboxCrashed,
)
from hermetic_runtime.input_source import InputSource
from hermetic_runtime.limits import Limits
from hermetic_runtime.processes.channel import Channel
from hermetic_runtime.processes.endings import describe_end
from hermetic_runtime.processes.fields import ProtocolError
from hermetic_runtime.processes.later_run import LaterRun
from hermetic_runtime.processes.launching import (
    LaunchedProcess,
    Launcher,
    SinceNow,
)
from hermetic_runtime.processes.messages_from_guest import Ready, from_guest
from hermetic_runtime.processes.messages_to_guest import GuestMountPoint, Rehearse, Start
from hermetic_runtime.processes.protocol import encode
from hermetic_runtime.processes.readiness import receive_ready
from hermetic_runtime.processes.saving import save_state
from hermetic_runtime.processes.supervision import Supervision
from hermetic_runtime.requests import GuestMount, RunRequest

BOOT_SECONDS = 60.0
_END_SECONDS = 30.0


class GuestProcess:
    """One sandbox in an OS process of its own; a `Driver`.

    Whatever that process does or sends, `close` leaves nothing of it behind. One that
    is not closed is ended when this object is collected, or at exit. A `lasting` one can
    have another sandbox after the final run of the one before.
    """

    def __init__(
        self,
        launcher: Launcher,
        limits: Limits,
        variables: Mapping[str, str],
        mounts: Sequence[GuestMount],
        *,
        keep_files: bool = False,
        state_fd: int | None = None,
        state_limits: Limits | None = None,
        lasting: bool = False,
    ) -> None:
        self.interpreter = ""
        self._launcher = launcher
        self._limits = limits
        self._variables = dict(variables)
        self._mounts = mounts
        self._keep_files = keep_files
        self._state_fd = state_fd
        self._state_limits = state_limits
        self._lasting = lasting
        self._hold: _Hold | None = None
        self._has_booted = False
        self._lock = threading.Lock()
        self._cancelled = False

    def start(self) -> None:
        self._await_ready(self._launch())

    def begin_another(self) -> None:
        """Have a lasting process boot another sandbox of the same limits, after a final run
        that reported. `await_another` or `begin` must follow, whenever the sandbox is needed.

        Raises `SandboxClosed`, and `SandboxCrashed` after which nothing is left of the process.
        """
        hold = self._held()
        if not hold.channel.is_between_frames:
            self.close()
            raise SandboxCrashed("the guest process said something without being asked")
        self._hold = hold = hold._replace(process=SinceNow(hold.process))
        self._has_booted = False
        hold.channel.send_frame(self._next_start)

    def await_another(self) -> None:
        """Raises as `start` does, after which nothing is left of the process."""
        hold = self._held()
        if not self._has_booted:
            self._await_ready(hold)

    def fileno(self) -> int:
        """Where to wait for what it says. Raises `SandboxClosed`."""
        return self._held().channel.fileno()

    def has_another(self) -> bool:
        """Whether the sandbox of `begin_another` waits for a run. Never waits itself. For one that
        is lost `await_another` raises.
        """
        hold = self._hold
        if hold is None:
            return False
        if not self._has_booted:
            try:
                self._has_booted = receive_ready(hold.channel, 0.0) is not None
            except (EOFError, ConnectionError, HermeticError):
                hold.process.kill()  # it may have said so that nothing follows
        return self._has_booted and self.is_waiting()

    def _held(self) -> _Hold:
        if self._hold is None:
            raise SandboxClosed("the guest process has not started, or was closed")
        return self._hold

    def _await_ready(self, hold: _Hold) -> None:
        try:
            self.interpreter = self._boot(hold).interpreter
        except BaseException:
            self.close()
            raise
        self._has_booted = True

    def _launch(self) -> _Hold:
        channels: list[Channel] = []

        def connect() -> socket.socket:
            try:
                ours, theirs = socket.socketpair()
            except OSError as error:
                raise NoMoreProcesses(error.errno) from None
            channels.append(Channel(ours, from_guest(self._limits)))
            try:
                self._say_start(channels[-1])
            except BaseException:
                theirs.close()
                raise
            return theirs

        try:
            process = self._launcher.launch(connect, alone=self._begins_alone)
        except BaseException:
            for channel in channels:
                channel.close()
            raise
        *failed, channel = channels
        for each in failed:
            each.close()
        with self._lock:
            self._hold = hold = _Hold(process, channel)
            self._finalizer = weakref.finalize(self, _release, hold, os.getpid())
            if self._cancelled:
                process.kill()
        return hold

    @property
    def _begins_alone(self) -> bool:
        """Whether what it is told must not come into the memory of the zygote, which all processes
        inherit that are forked later: variables may be secrets of this caller.
        """
        return bool(self._variables or self._mounts or self._state_fd is not None)

    @property
    def _start_message(self) -> Start:
        return Start(
            self._limits,
            self._variables,
            tuple(GuestMountPoint(mount.guest_path, mount.writable) for mount in self._mounts),
            self._keep_files,
            self._state_fd is not None,
            self._state_limits,
            self._lasting,
        )

    @cached_property
    def _next_start(self) -> bytes:
        """The frame that a lasting process gets before each of its guests but the first."""
        return encode(self._start_message)

    def _say_start(self, channel: Channel) -> None:
        descriptors = [mount.directory_fd for mount in self._mounts]
        if self._state_fd is not None:
            descriptors.append(self._state_fd)
        # Of a process that has ended one learns when it is waited for.
        with suppress(ConnectionError):
            channel.send_with_descriptors(self._start_message, descriptors)

    def _boot(self, hold: _Hold) -> Ready:
        try:
            ready = receive_ready(hold.channel, BOOT_SECONDS)
        except (EOFError, ConnectionError):
            if self._cancelled:
                raise SandboxClosed("the sandbox was cancelled while it started") from None
            end = hold.process.wait(_END_SECONDS)
            how = describe_end(end).message
            raise SandboxCrashed(f"the guest could not start: {how}") from None
        except ProtocolError as error:
            raise SandboxCrashed(f"the guest could not start: {error.message}") from error
        if ready is None:
            raise SandboxCrashed(f"the guest did not start within {BOOT_SECONDS:.0f} seconds")
        return ready

    def is_waiting(self) -> bool:
        """Whether it has started and waits for a run. One that has ended, or that says
        something without being asked, does not.
        """
        hold = self._hold
        if hold is None:
            return False
        poll = select.poll()
        poll.register(hold.channel, select.POLLIN)
        return not poll.poll(0)

    def rehearse(self) -> None:
        """It has started, and no run waits for it: it prepares for the first one."""
        hold = self._hold
        if hold is not None:
            with suppress(ConnectionError):
                hold.channel.send(Rehearse())

    def run(self, request: RunRequest, output: CapturedOutput, source: InputSource) -> DrivenRun:
        return self.begin(request, output, source).finish()

    def begin(self, request: RunRequest, output: CapturedOutput, source: InputSource) -> BegunRun:
        hold = self._held()

        def begin() -> BegunRun:
            supervision = Supervision(
                hold.channel, hold.process, request, output, source, lambda: self._cancelled
            )
            supervision.begin()
            return supervision

        return begin() if self._has_booted else LaterRun(self, begin)

    def save(self, file: BinaryIO, most_bytes: int) -> None:
        """Have the guest write its state, at most `most_bytes`, into `file`; it goes on.

        Raises `SandboxCrashed` when it does not, after which it must be closed.
        """
        hold = self._held()
        save_state(hold.channel, file, most_bytes)

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._hold is not None:
                self._hold.process.kill()

    def close(self) -> None:
        with self._lock:
            hold, self._hold = self._hold, None
        if hold is not None:
            self._finalizer()


class _Hold(NamedTuple):
    """What must be released."""

    process: LaunchedProcess
    channel: Channel


def _release(hold: _Hold, owner: int) -> None:
    """End the process, unless this is a fork of the process that holds it."""
    if os.getpid() == owner:
        hold.process.kill()
        hold.process.wait(_END_SECONDS)
    hold.channel.close()
    hold.process.close()
