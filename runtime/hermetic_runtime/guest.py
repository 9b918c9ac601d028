"""One guest: an interpreter in an instance of its own, on a kernel of its own."""

from __future__ import annotations

import json
import marshal
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import wasmtime

from hermetic_runtime.answers import read_answer
from hermetic_runtime.compilation import Metering
from hermetic_runtime.deadlines import EpochTicker, RunDeadlines
from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.errors import GuestMisbehaved, SessionBaseMissing, SessionDamaged
from hermetic_runtime.filesystems import GuestFilesystems
from hermetic_runtime.guest_endings import crashed, exited, never_begun, no_answer, stopped, trapped
from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.errno import Failure
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.overlay import Change
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.kernel.saved_contents import SavedContents
from hermetic_runtime.kernel.saved_files import SavedFile, restore_files, save_files
from hermetic_runtime.kernel.stops import (
    Exited,
    GuestStop,
)
from hermetic_runtime.kernel.streams import OutputBudget, OutputStream, QueueInput
from hermetic_runtime.kernel.wakeup import Wakeup
from hermetic_runtime.limits import Limits
from hermetic_runtime.requests import GuestSettings, RunReport, RunRequest
from hermetic_runtime.results import Outcome, RunError, Usage
from hermetic_runtime.snapshots.generators import (
    find_generator,
    renew_generators,
)
from hermetic_runtime.snapshots.stored import LoadedSnapshot, SavedGuest

if TYPE_CHECKING:
    from hermetic_runtime.sessions.state_file import StateReader

_ENVIRONMENT = {
    "HOME": "/workspace",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "module://hermetic_guest.figures",
    "PATH": "/bin",
    "TMPDIR": "/tmp",
    "TZ": "UTC",
    "USER": "guest",
    "XDG_CACHE_HOME": "/tmp/.cache",
    "XDG_CONFIG_HOME": "/tmp/.config",
}
"""What every guest finds; the caller's own variables come on top. Caches and settings of
libraries are kept out of the working folder, whose files are part of the result."""


_TYPICAL = """
import sys
from sys import path as places

def total(numbers):
    return sum(number for number in numbers)

try:
    text = f"{total([1, 2.5]):.1f} {len(places)}"
    words = {word: word.upper() for word in text.split()}
except ValueError as error:
    print(error)
"""
"""What programs do first: what the compiler needs for it is in memory afterwards."""
REHEARSAL = RunRequest(
    f"exec({_TYPICAL!r}, {{}})\nprint('nowhere', flush=True)\n0".encode(), filename="<rehearsal>"
)
"""A run that goes the way of most, and leaves no trace in the guest."""
_WAKE_LIMITS = Limits(wall_seconds=10, cpu_seconds=10)
"""Of what the guest itself does to go on."""
_NEXT_RUN = RunRequest(b"0", filename="<check>")


class Guest:
    """Boots once, then runs sources one after the other in one `__main__`.

    `boot` and `run` belong in one thread with a large stack (`run_in_guest_thread`).
    `interrupt`, `cancel`, `feed_input` and `end_input` may be called from any thread.
    After a report that says `alive=False` nothing but `changes` and `close` may follow.
    """

    def __init__(
        self,
        environment: LoadedEnvironment,
        settings: GuestSettings,
        *,
        deliver: Callable[[str, bytes], None],
        request_input: Callable[[], None],
        snapshot: LoadedSnapshot | None = None,
    ) -> None:
        """`snapshot` is what to start from, instead of any that fits."""
        limits = settings.limits
        interpreter = environment.interpreter
        waking = None
        if snapshot is None:
            waking, snapshot = _starting_point(environment, settings)
        self._deliver_to = deliver
        self._request_from = request_input
        self._metering = interpreter.metering
        self._wakeup = Wakeup()
        self._input = QueueInput(self._wakeup, self._request_input)
        self._budget = OutputBudget(limits.output_bytes)
        self._stdout = OutputStream("stdout", self._budget, self._deliver)
        self._stderr = OutputStream("stderr", self._budget, self._deliver)
        self._quota = Quota(limits.disk_bytes, limits.files)
        self._filesystems = GuestFilesystems(
            environment, settings.mounts, self._quota, keep_files=settings.keep_files
        )
        self._kernel = Kernel(
            mounts=self._filesystems.mounts,
            quota=self._quota,
            open_files=limits.open_files,
            stdin=self._input,
            stdout=self._stdout,
            stderr=self._stderr,
            wakeup=self._wakeup,
            clock=Clock(),
        )
        machine = snapshot.machines.take() if snapshot and not waking else None
        self._instance = interpreter.instantiate(
            self._kernel,
            _ENVIRONMENT | settings.environment,
            limits.memory_bytes,
            environment.packages,
            snapshot,
            machine,
        )
        if machine is not None:
            self._instance.limit_memory(limits.memory_bytes)
        self._variables = settings.environment
        self._state_limits = settings.state_limits or limits
        self._is_kept = settings.state_limits is not None
        self._snapshot = snapshot
        self._restored = False
        self._leaves_well = False
        self._waking = waking
        self._deadlines: RunDeadlines | None = None
        self._ticker = EpochTicker(interpreter.engine)
        self._metered = interpreter.metering is not Metering.NONE

    def boot(self) -> None:
        """Start the interpreter. Raises what a broken preparation makes it raise:
        `GuestMisbehaved`, `wasmtime.Trap`, `wasmtime.WasmtimeError`.
        """
        if self._metered:
            self._instance.store.on_epoch(self._check_deadlines)
        if self._metering is Metering.FUEL:
            self._instance.store.store.set_fuel(2**62)
        self._leaves_well = False
        if self._snapshot is None:
            self._instance.boot()
        elif self._waking is not None:
            self._wake(self._waking, self._snapshot)
        else:
            self._resume(self._snapshot.guest)
            self._leaves_well = True

    def restore(self) -> None:
        """Stand where the guest of the snapshot stood. Nothing of the guest is executed."""
        assert self._snapshot is not None
        saved = self._snapshot.guest
        restore_files(self._kernel, (SavedFile(*fields) for fields in saved.files))
        self._filesystems.forget_changes()
        self._instance.resume(saved.instance)
        self._restored = self._leaves_well = True

    def connect(
        self, *, deliver: Callable[[str, bytes], None], request_input: Callable[[], None]
    ) -> None:
        """Have its output and its input with somebody else, before it has booted."""
        self._deliver_to, self._request_from = deliver, request_input

    def adopt(self, settings: GuestSettings) -> None:
        """Serve other settings than those that it was made with, before it has booted.

        They must have neither variables nor mounts nor a state to wake from.
        """
        limits = settings.limits
        self._budget.renew(limits.output_bytes)
        self._quota.disk_bytes, self._quota.files = limits.disk_bytes, limits.files
        self._filesystems.keep_files = settings.keep_files
        self._kernel.table.limit = limits.open_files
        self._instance.limit_memory(limits.memory_bytes)

    def _deliver(self, stream: str, data: bytes) -> None:
        self._deliver_to(stream, data)

    def _request_input(self) -> None:
        self._request_from()

    def _resume(self, saved: SavedGuest) -> None:
        """Go on as the guest of a snapshot, with variables and random state of its own."""
        if not self._restored:
            self.restore()
        self._kernel.clock.go_on_from(monotonic_ns=saved.monotonic_ns, cpu_ns=saved.cpu_ns)
        renew_generators(self._instance.map_memory(), saved.generators)
        if self._variables:
            self._ask({"action": "resume", "variables": self._variables})

    def _wake(self, reader: StateReader, base: LoadedSnapshot) -> None:
        """Go on as the guest of a state file. What it held it may hold, whatever else there
        is now. Raises `SessionDamaged`.
        """
        from hermetic_runtime.sessions.hibernation import wake

        allowed = self._quota.disk_bytes, self._quota.files
        self._quota.disk_bytes = self._quota.files = 2**62
        folders = self._filesystems.own_folders
        wake(reader, self._instance, self._kernel, base, folders)
        self._quota.disk_bytes, self._quota.files = allowed
        self._waking = None
        try:
            with self._bounded(_WAKE_LIMITS):
                self._ask({"action": "resume", "variables": self._variables})
        except (GuestMisbehaved, GuestStop, Failure, ValueError) as error:
            raise SessionDamaged(f"the guest of the session can't go on: {error}") from error
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            raise SessionDamaged("the guest of the session trapped when it went on") from error
        finally:
            self._deadlines = None

    def hibernate(self, descriptor: int) -> None:
        """Write all that `wake` needs, and stay as it is. Takes the descriptor over.

        Raises `GuestMisbehaved` for a guest that did not start from a snapshot, or that holds
        more than a state may have; `OSError`.
        """
        from hermetic_runtime.sessions.hibernation import hibernate

        if self._snapshot is None:
            raise GuestMisbehaved("only a guest that started from a snapshot can hibernate")
        folders = self._filesystems.own_folders
        limits = self._state_limits
        hibernate(descriptor, self._instance, self._kernel, self._snapshot, folders, limits)

    def preload(self, modules: Sequence[str]) -> dict[str, Any]:
        """Import modules ahead, and use once what is slow when it is first used.

        `failed`: the modules that can't be imported, each with the reason; `generators`: the
        arguments of `find_generator`.
        """
        return self._ask({"action": "preload", "modules": list(modules)})

    def make_room(self, size: int) -> None:
        """Have memory of `size` bytes for guests to take without growing: one that grew can't
        be rewound.
        """
        self._instance.make_room(size)

    def save(
        self, generators: Sequence[tuple[int, Sequence[int], int]]
    ) -> tuple[SavedGuest, bytes]:
        """The guest as it is between runs, and its linear memory.

        Raises `GuestMisbehaved` when a generator is not where the guest said.
        """
        clock, memory = self._kernel.clock, self._instance.memory_contents()
        found = [find_generator(memory, *generator) for generator in generators]
        saved = SavedGuest(
            instance=self._instance.save(),
            files=save_files(self._kernel, SavedContents(self._quota.disk_bytes)),
            generators=[generator for generator in found if generator],
            monotonic_ns=clock.monotonic_ns(),
            cpu_ns=clock.cpu_ns(),
        )
        if len(saved.generators) < len(found):
            raise GuestMisbehaved("a random number generator is not where it should be")
        return saved, memory

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Raises `GuestMisbehaved` when the agent does not answer."""
        answer = self._instance.call(marshal.dumps(message, 2))
        if answer is None:
            raise GuestMisbehaved(f"the guest could not {message['action']}")
        return json.loads(answer)

    @contextmanager
    def _bounded(self, limits: Limits) -> Generator[None]:
        """Bound the time of what the guest does, where nobody else can."""
        if not self._metered:
            yield
            return
        self._deadlines = RunDeadlines(limits, self.interrupt)
        self._wakeup.deadline = self._deadlines.last_moment
        try:
            with self._ticker:
                yield
        finally:
            self._deadlines.end()
            self._wakeup.deadline = None

    def _check_deadlines(self) -> bool:
        return self._deadlines is None or self._deadlines.check()

    def run(self, request: RunRequest, may_begin: Callable[[], bool] = lambda: True) -> RunReport:
        """Execute one source. Whatever the guest does ends in the report.

        Interrupts that came earlier are forgotten; `may_begin` is asked once that is done.
        """
        self._begin(request)
        if not may_begin():
            return self._complete(never_begun(), Usage())
        clock, cpu = time.perf_counter(), time.thread_time()
        calls = self._instance.store.host_calls
        report = self._execute(request)
        usage = Usage(
            wall_seconds=time.perf_counter() - clock,
            cpu_seconds=time.thread_time() - cpu,
            peak_memory_bytes=self._instance.memory_bytes,
            host_calls=self._instance.store.host_calls - calls,
            disk_bytes=self._quota.bytes_used,
            fuel=self._fuel_used(request),
        )
        return self._complete(report, usage)

    def rehearse(self) -> RunReport:
        """Go the way of a run, so that the first run finds in memory what it needs. What
        `REHEARSAL` writes is delivered, and nobody is to get it.

        Raises `GuestMisbehaved` when the guest does not come through it.
        """
        self._begin(REHEARSAL)
        report = self._complete(self._execute(REHEARSAL, "rehearse"), Usage())
        if report.outcome is not Outcome.OK or not report.alive:
            raise GuestMisbehaved("the guest could not rehearse")
        return report

    def _begin(self, request: RunRequest) -> None:
        self._wakeup.clear()
        self._kernel.reopen_streams()
        self._instance.clear_interrupt()
        self._budget.renew(request.limits.output_bytes)
        self._input.renew()
        self._stdout.truncated = self._stderr.truncated = False
        self._quota.refused.clear()
        self._instance.memory_refused = False
        if self._metering is Metering.FUEL:
            self._instance.store.store.set_fuel(request.limits.fuel or 2**62)

    def _execute(self, request: RunRequest, action: str = "run") -> RunReport:
        try:
            with self._bounded(request.limits):
                report = self._ask_agent(request, action)
                return self._checked(report) if self._is_kept and report.alive else report
        except Exited as stop:
            return exited(stop.status)
        except GuestStop as stop:
            return stopped(stop)
        except wasmtime.Trap as trap:
            return trapped(trap)
        except wasmtime.WasmtimeError as error:
            return crashed("WasmtimeError", str(error))
        except Failure as failure:
            return crashed("Fault", f"the interpreter passed a bad argument ({failure})")
        except Exception as error:
            # A fault of ours must end this guest and nothing else.
            return crashed(type(error).__name__, f"the host failed: {error}")

    def _checked(self, report: RunReport) -> RunReport:
        """The report of a run whose guest is to be kept: not alive if another run would fail.

        It is found out by one, which has what time the run left.
        """
        self._instance.clear_interrupt()
        self._kernel.reopen_streams()
        if self._ask_agent(_NEXT_RUN, "rehearse").outcome is Outcome.OK:
            return report
        report = replace(report, alive=False)
        if report.outcome is not Outcome.OK:
            return report
        message = "the run left its interpreter unable to execute anything more"
        error = RunError("GuestMisbehaved", message)
        return replace(report, outcome=Outcome.ERROR, exit_code=1, error=error)

    def _ask_agent(self, request: RunRequest, action: str) -> RunReport:
        message = {
            "action": action,
            "source": request.source,
            "filename": request.filename,
            "arguments": [request.filename, *request.arguments],
            "final": request.final,
            "capture_value": request.capture_value,
            "value_bytes": request.limits.value_bytes,
            "display_bytes": request.limits.display_bytes,
            "inputs": json.loads(request.inputs_json),
            "files": request.files,
            "imports": request.imports and (request.imports.allow, request.imports.deny),
        }
        answer = self._instance.call(marshal.dumps(message, 2))
        if answer is None:
            return no_answer(memory_refused=self._instance.memory_refused)
        return read_answer(
            answer,
            value_bytes=request.limits.value_bytes,
            display_bytes=request.limits.display_bytes,
            memory_refused=self._instance.memory_refused,
            disk_refused=frozenset(self._quota.refused),
        )

    def _complete(self, report: RunReport, usage: Usage) -> RunReport:
        reached = self._deadlines.reached if self._deadlines else None
        self._deadlines = None
        if reached is not None:
            error = report.error or RunError("Timeout", "")
            message = f"the run reached its limit {reached}"
            error = RunError("Timeout", message, error.traceback, reached)
            report = replace(report, outcome=Outcome.TIMEOUT, exit_code=124, error=error)
        self._leaves_well = self._leaves_well and report.alive
        files, files_omitted = self._filesystems.workspace_files()
        return replace(
            report,
            usage=usage,
            files=files,
            files_omitted=files_omitted,
            stdout_truncated=self._stdout.truncated,
            stderr_truncated=self._stderr.truncated,
        )

    def _fuel_used(self, request: RunRequest) -> int | None:
        if self._metering is not Metering.FUEL:
            return None
        return (request.limits.fuel or 2**62) - self._instance.store.store.get_fuel()

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the guest soon, waking it if it waits."""
        self._instance.interrupt()
        self._wakeup.interrupt()

    def cancel(self) -> None:
        """End a guest of a metered engine at the next tick."""
        if self._deadlines is not None:
            self._deadlines.cancel()
        self._wakeup.cancel()

    def feed_input(self, data: bytes) -> None:
        self._input.feed(data)

    def end_input(self) -> None:
        self._input.end()

    def changes(self) -> list[tuple[int, Change]]:
        """(mount index, change) of the writable mounts and of /workspace if its files are
        kept, since the last call. To be called after each run.
        """
        return self._filesystems.changes()

    def close(self) -> None:
        """Free everything. Not while `run` is under way."""
        self._kernel.close_all()
        machine = self._instance.leave()
        if self._snapshot is not None and self._leaves_well:
            self._snapshot.machines.give(machine)
        else:
            machine.close()


def _starting_point(
    environment: LoadedEnvironment, settings: GuestSettings
) -> tuple[StateReader | None, LoadedSnapshot | None]:
    """The file that the guest goes on from, if it does, and the snapshot that is below."""
    if settings.state_fd is None:
        return None, environment.any_snapshot(settings.limits.memory_bytes)
    from hermetic_runtime.sessions.hibernation import find_base
    from hermetic_runtime.sessions.state_file import StateReader

    reader = StateReader(settings.state_fd, settings.state_limits or settings.limits)
    try:
        return reader, find_base(reader.state, environment.snapshots)
    except SessionBaseMissing:
        reader.close()
        raise
