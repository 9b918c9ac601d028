"""One guest: an interpreter in an instance of its own, on a kernel of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hermetic_runtime.asking import question
from hermetic_runtime.bindings import Trap, WasmtimeError
from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.errors import GuestMisbehaved, SessionBaseMissing, SessionDamaged
from hermetic_runtime.guest_kernel import GuestKernel
from hermetic_runtime.guest_runs import GuestRuns
from hermetic_runtime.interpreters.machine import Machine
from hermetic_runtime.kernel.errno import Failure
from hermetic_runtime.kernel.overlay import Change
from hermetic_runtime.kernel.saved_contents import SavedContents
from hermetic_runtime.kernel.saved_files import SavedFile, restore_files, save_files
from hermetic_runtime.kernel.stops import GuestStop
from hermetic_runtime.limits import Limits
from hermetic_runtime.requests import GuestSettings, RunReport, RunRequest
from hermetic_runtime.snapshots.generators import find_generator, renew_generators
from hermetic_runtime.snapshots.stored import LoadedSnapshot, SavedGuest, last_page_of

if TYPE_CHECKING:
    from hermetic_runtime.sessions.state_reader import StateReader

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
_WAKE_LIMITS = Limits(wall_seconds=10, cpu_seconds=10)
"""Of what the guest itself does to go on."""
_USE_LIMITS = Limits(wall_seconds=1, cpu_seconds=1)  # where the engine bounds time


def take_rewound(snapshot: LoadedSnapshot) -> Machine | None:
    """The machine that a guest of this process left, if one waits."""
    return snapshot.machines.take()


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
        machine_of: Callable[[LoadedSnapshot], Machine | None] = take_rewound,
    ) -> None:
        """`snapshot` is what to start from, instead of any that fits. `machine_of` gives a machine
        for it, on which nothing was executed since it was restored or rewound, or none.
        """
        limits = settings.limits
        interpreter = environment.interpreter
        waking = None
        if snapshot is None:
            waking, snapshot = _starting_point(environment, settings)
        self._host = GuestKernel(
            environment, settings, deliver=deliver, request_input=request_input
        )
        machine = machine_of(snapshot) if snapshot else None
        self._instance = interpreter.instantiate(
            self._host.kernel,
            {**_ENVIRONMENT, **settings.environment},
            limits.memory_bytes,
            environment.packages,
            snapshot,
            machine,
        )
        if machine is not None:
            self._instance.limit_memory(limits.memory_bytes)
        self._variables = dict(settings.environment)
        self._state_limits = settings.state_limits or limits
        self._snapshot = snapshot
        self._restored = False
        self._leaves_well = False
        self._waking = waking
        self._mapped: list[tuple[int, int]] = []
        self._runs = GuestRuns(
            self._host, self._instance, interpreter, is_kept=settings.state_limits is not None
        )

    def boot(self) -> None:
        """Start the interpreter. Raises what a broken preparation makes it raise:
        `GuestMisbehaved`, `Trap`, `WasmtimeError`.
        """
        self._runs.meter()
        self._leaves_well = False
        if self._snapshot is None:
            self._instance.boot()
        elif self._waking is not None:
            self._wake(self._waking, self._snapshot)
        else:
            self._resume(self._snapshot.guest)
            self._leaves_well = True

    def restore(self) -> None:
        """Stand where the guest of the snapshot stood. Nothing of the guest is executed, and
        nothing written to its memory.
        """
        assert self._snapshot is not None
        saved = self._snapshot.guest
        restore_files(self._host.kernel, (SavedFile(*fields) for fields in saved.files))
        self._host.filesystems.forget_changes()
        self._instance.resume(saved.instance)
        self._restored = self._leaves_well = True

    def leave_machine(self) -> Machine:
        """To another guest of its snapshot, instead of booting. Nothing may follow."""
        return self._instance.leave()

    def connect(
        self, *, deliver: Callable[[str, bytes], None], request_input: Callable[[], None]
    ) -> None:
        """Have its output and its input with somebody else, before it has booted."""
        self._host.connect(deliver=deliver, request_input=request_input)

    def adopt(self, settings: GuestSettings) -> None:
        """Serve other settings than those that it was made with, before it has booted.

        They must have neither variables nor mounts nor a state to wake from.
        """
        self._host.adopt(settings)
        self._instance.limit_memory(settings.limits.memory_bytes)

    def _resume(self, saved: SavedGuest) -> None:
        """Go on as the guest of a snapshot, with variables and random state of its own."""
        if not self._restored:
            self.restore()
        saved.put_last_page(self._instance.map_memory())
        self._host.kernel.clock.go_on_from(monotonic_ns=saved.monotonic_ns, cpu_ns=saved.cpu_ns)
        renew_generators(self._instance.map_memory(), saved.generators)
        if self._variables:
            self._ask({"action": "resume", "variables": self._variables})

    def _wake(self, reader: StateReader, base: LoadedSnapshot) -> None:
        """Go on as the guest of a state file. What it held it may hold, whatever else there
        is now. Raises `SessionDamaged`.
        """
        from hermetic_runtime.sessions.hibernation import wake

        folders = self._host.filesystems.own_folders
        with self._host.without_quota():
            self._mapped = wake(reader, self._instance, self._host.kernel, base, folders)
        self._waking = None
        try:
            with self._runs.bounded(_WAKE_LIMITS):
                self._ask({"action": "resume", "variables": self._variables})
        except (GuestMisbehaved, GuestStop, Failure, ValueError) as error:
            raise SessionDamaged(f"the guest of the session can't go on: {error}") from error
        except (Trap, WasmtimeError) as error:
            raise SessionDamaged("the guest of the session trapped when it went on") from error

    def hibernate(self, descriptor: int) -> None:
        """Write all that `wake` needs, and stay as it is. Takes the descriptor over.

        Raises `GuestMisbehaved` for a guest that did not start from a snapshot, or that holds
        more than a state may have; `OSError`.
        """
        from hermetic_runtime.sessions.hibernation import hibernate

        if self._snapshot is None:
            raise GuestMisbehaved("only a guest that started from a snapshot can hibernate")
        hibernate(
            descriptor,
            self._instance,
            self._host.kernel,
            self._snapshot,
            self._host.filesystems.own_folders,
            self._state_limits,
            self._mapped,
        )

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
        clock, memory = self._host.kernel.clock, self._instance.memory_contents()
        found = [find_generator(memory, *generator) for generator in generators]
        saved = SavedGuest(
            instance=self._instance.save(),
            files=save_files(self._host.kernel, SavedContents(self._host.quota.disk_bytes)),
            generators=[generator for generator in found if generator],
            monotonic_ns=clock.monotonic_ns(),
            cpu_ns=clock.cpu_ns(),
            last_page=last_page_of(memory),
        )
        if len(saved.generators) < len(found):
            raise GuestMisbehaved("a random number generator is not where it should be")
        return saved, memory

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Raises `GuestMisbehaved` when the agent does not answer."""
        answer = self._instance.call(question(message))
        if answer is None:
            raise GuestMisbehaved(f"the guest could not {message['action']}")
        return json.loads(answer)

    def run(self, request: RunRequest, may_begin: Callable[[], bool] = lambda: True) -> RunReport:
        """As `GuestRuns.run`."""
        report = self._runs.run(request, may_begin)
        self._leaves_well = self._leaves_well and report.alive
        return report

    def rehearse(self) -> RunReport:
        """As `GuestRuns.rehearse`."""
        return self._runs.rehearse()

    def use_package(self, number: int) -> bool:
        """Use one that was imported ahead, by its number: the first run then finds in memory what
        it needs. Whether there is another one. Raises `GuestMisbehaved`, `GuestStop` and traps.
        """
        with self._runs.bounded(_USE_LIMITS):
            answer = self._ask({"action": "use_package", "number": number})
        return answer.get("is_last") is False

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the guest soon, waking it if it waits."""
        self._runs.interrupt()

    def cancel(self) -> None:
        """End a guest of a metered engine at the next tick."""
        self._runs.cancel()

    def feed_input(self, data: bytes) -> None:
        self._host.stdin.feed(data)

    def end_input(self) -> None:
        self._host.stdin.end()

    def changes(self) -> list[tuple[int, Change]]:
        """(mount index, change) of the writable mounts and of /workspace if its files are
        kept, since the last call. To be called after each run.
        """
        return self._host.filesystems.changes()

    def close(self) -> None:
        """Free everything. Not while `run` is under way."""
        self._host.kernel.close_all()
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
    from hermetic_runtime.sessions.state_reader import StateReader

    limits = settings.state_limits or settings.limits
    reader = StateReader(settings.state_fd, limits, mapping=settings.maps_state)
    try:
        return reader, find_base(reader.state, environment.snapshots)
    except SessionBaseMissing:
        reader.close()
        raise
