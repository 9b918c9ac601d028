"""What a `Sandbox` drives: a guest in a process of its own, or in this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Literal, NamedTuple, Protocol

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.compilation import Metering
from hermetic_runtime.environments import Environment
from hermetic_runtime.input_source import InputSource
from hermetic_runtime.kernel.overlay import Change
from hermetic_runtime.limits import Limits
from hermetic_runtime.requests import RunReport, RunRequest

Isolation = Literal["process", "shared"]
"""Where a guest lives: in an OS process of its own, or in this one."""

OnOutput = Callable[[str, bytes], None]
"""Called with the name of a stream, `stdout` or `stderr`, and what came on it."""


def metering_for(isolation: Isolation, limits: Limits) -> Metering:
    """How the code of a guest has to be compiled so that these limits can be enforced."""
    if limits.fuel is not None:
        return Metering.FUEL
    return Metering.NONE if isolation == "process" else Metering.EPOCH


class DrivenRun(NamedTuple):
    """A report, and the changes of writable mounts by the index of the mount.

    `taken` is false when the guest was lost before the run reached it: nothing was executed.
    """

    report: RunReport
    changes: list[tuple[int, Change]]
    taken: bool = True


class Driver(Protocol):
    """One guest. One thread at a time, but for `cancel`."""

    interpreter: str
    """Name and version, once it has started."""

    def start(self) -> None:
        """Boot the guest. Raises `SandboxCrashed`, `SandboxClosed` after `cancel`."""
        ...

    def run(self, request: RunRequest, output: CapturedOutput, source: InputSource) -> DrivenRun:
        """Execute, until the report or until a limit ends it.

        What `output` and `source` raise, and KeyboardInterrupt, come out of it; after
        that the driver must be closed. Raises `SandboxClosed` before `start` and after `close`,
        and `SandboxCrashed` for a guest in this process that is lost.
        """
        ...

    def cancel(self) -> None:
        """End the guest as soon as possible. Any thread may call this."""
        ...

    def close(self) -> None:
        """When this returns, nothing of the guest is left. May be called again."""
        ...


class BegunRun(Protocol):
    """A run that a guest process was given, for an event loop to wait for at its descriptor.

    `look` and `finish` never at the same time.
    """

    def fileno(self) -> int: ...

    def look(self) -> bool:
        """Take what has come, without waiting: whether the run has ended, and left neither files
        nor displays. Where anything went wrong, `finish` raises or explains that.
        """
        ...

    @property
    def needs_only_looks(self) -> bool:
        """Whether it is enough to look when something comes. Otherwise `finish` is needed now,
        in a thread that may wait.
        """
        ...

    def finish(self) -> DrivenRun:
        """As `Driver.run`. Waits for nothing when `look` has said that the run has ended."""
        ...


class StartedDriver(Driver, Protocol):
    """A driver whose guest waits for a run."""

    def begin(self, request: RunRequest, output: CapturedOutput, source: InputSource) -> BegunRun:
        """As `run`, up to where there is something to wait for. Raises `SandboxClosed`."""
        ...


class GuestSource(Protocol):
    """Where a `Sandbox` without mounts and variables gets a guest that has booted already.
    Any thread may call.
    """

    def take(
        self, environment: Environment, limits: Limits, *, keep_files: bool = False
    ) -> Driver | None:
        """A driver that has started; None if there is none. Raises as `Driver.start` does."""
        ...

    def take_waiting(
        self, environment: Environment, limits: Limits, *, keep_files: bool = False
    ) -> StartedDriver | None:
        """One that waits for a run now; None if there is none. Never waits itself, and leaves no
        trace of having found none.
        """
        ...

    def retire(self, driver: Driver) -> None:
        """Close it, soon. The caller has no more use for it."""
        ...


class SavingDriver(Driver, Protocol):
    """A driver whose guest can become a file between its runs."""

    def save(self, file: BinaryIO, most_bytes: int) -> None:
        """Have the guest write its state, at most `most_bytes`, into `file`; it goes on.

        Raises `SandboxCrashed` when it does not, after which it must be closed.
        """
        ...
