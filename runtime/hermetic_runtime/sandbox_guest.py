"""The guest of a sandbox: what it is made of, how it starts, how it ends."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.compilation import Metering
from hermetic_runtime.driver import (
    BegunRun,
    DrivenRun,
    Driver,
    GuestSource,
    Isolation,
    metering_for,
)
from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import (
    NoMoreProcesses,
    PreparationError,
    SandboxClosed,
    SandboxCrashed,
)
from hermetic_runtime.input_source import InputSource
from hermetic_runtime.limits import Limits
from hermetic_runtime.mounted_directories import MountedDirectories
from hermetic_runtime.mounts import Mount
from hermetic_runtime.preparation import Progress
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.launchers import launcher
from hermetic_runtime.providing import (
    OnProgress,
    ProvidedEnvironment,
    WantedEnvironment,
    provide,
    provide_at_once,
    repair,
)
from hermetic_runtime.requests import GuestMount, RunRequest
from hermetic_runtime.results import Timings

_MORE_STARTS = 2
"""How many guests are started for those that are lost before they take the first run."""


@dataclass(frozen=True, slots=True)
class GuestPlan:
    """What the guest of a sandbox is made of. The fields are the parameters of `Sandbox`."""

    wanted: WantedEnvironment
    limits: Limits
    variables: Mapping[str, str]
    mounts: Sequence[Mount]
    out: Path | None
    isolation: Isolation
    on_progress: OnProgress | None
    spares: GuestSource | None


class _Started(NamedTuple):
    """What a guest has once it has booted."""

    driver: Driver
    directories: MountedDirectories
    provided: ProvidedEnvironment


class SandboxGuest:
    """Environment, mounted directories and driver, which start and end together.

    It can be started again after its end. One thread at a time, but for `cancel`.
    """

    def __init__(self, plan: GuestPlan) -> None:
        self._plan = plan
        self._started: _Started | None = None
        self._driver: Driver | None = None
        self._directories: MountedDirectories | None = None
        self._begun: BegunRun | None = None
        self._cancelled = False
        self.timings = Timings()
        """Of the last start."""
        self.run_began = 0.0
        """By `time.perf_counter`: the run under way, or the last one."""

    @property
    def is_started(self) -> bool:
        return self._started is not None

    @property
    def has_begun(self) -> bool:
        """Whether its first run is under way by `begin`."""
        return self._begun is not None

    @property
    def _running(self) -> _Started:
        assert self._started is not None
        return self._started

    @property
    def interpreter(self) -> str:
        return self._running.driver.interpreter

    @property
    def packages(self) -> Path | None:
        """The folder of its package set."""
        return self._running.provided.environment.packages

    @property
    def notes(self) -> Sequence[str]:
        """What the caller may want to know of how its environment was come by."""
        return self._running.provided.notes

    def start(self, source: bytes) -> None:
        """Boot, with snapshots that suit `source` where they are there.

        Raises what `provide` does, and `SandboxCrashed`.
        """
        began = time.perf_counter()
        provided = self._provide(source)
        prepared = time.perf_counter()
        try:
            self._directories = directories = MountedDirectories(self._plan.mounts, self._plan.out)
            try:
                driver = self._start_driver(provided.environment, directories.guest_mounts)
            except (SandboxCrashed, PreparationError) as error:
                if isinstance(error, NoMoreProcesses) or not repair(provided.environment):
                    raise
                provided = self._provide(source)
                driver = self._start_driver(provided.environment, directories.guest_mounts)
        except BaseException:
            self.release()
            raise
        self._started = _Started(driver, directories, provided)
        self.timings = Timings(prepare=prepared - began, start=time.perf_counter() - prepared)

    @property
    def _metering(self) -> Metering:
        return metering_for(self._plan.isolation, self._plan.limits)

    def _provide(self, source: bytes) -> ProvidedEnvironment:
        return provide(self._plan.wanted, source, self._metering, self._pass_progress)

    def _pass_progress(self, progress: Progress) -> None:
        if self._cancelled:
            raise SandboxClosed("the sandbox was closed while it was being made ready")
        if self._plan.on_progress is not None:
            self._plan.on_progress(progress)

    def _start_driver(self, environment: Environment, mounts: Sequence[GuestMount]) -> Driver:
        spare = self._take_spare(environment)
        self._driver = driver = spare or self._make_driver(environment, mounts)
        if self._cancelled:
            driver.cancel()
        if spare is None:
            driver.start()
        return driver

    @property
    def _spares(self) -> GuestSource | None:
        """Where a guest may come from that was started ahead, for one that needs no more."""
        plan = self._plan
        suits = plan.isolation == "process" and not plan.variables and not plan.mounts
        return plan.spares if suits else None

    def _take_spare(self, environment: Environment) -> Driver | None:
        plan = self._plan
        if self._spares is None:
            return None
        return self._spares.take(environment, plan.limits, keep_files=plan.out is not None)

    def _make_driver(self, environment: Environment, mounts: Sequence[GuestMount]) -> Driver:
        plan, keep_files = self._plan, self._plan.out is not None
        if plan.isolation == "shared":
            from hermetic_runtime.shared import SharedGuest

            return SharedGuest(
                environment, plan.limits, plan.variables, mounts, keep_files=keep_files
            )
        return GuestProcess(
            launcher(environment), plan.limits, plan.variables, mounts, keep_files=keep_files
        )

    def begin(
        self, request: RunRequest, output: CapturedOutput, source: InputSource
    ) -> BegunRun | None:
        """Start, and begin the first run, where nothing has to be waited for. None where it has,
        and nothing was begun. `run` must follow, which then opens the directory for what the
        run has made, and raises `InvalidInput` where that can't be.

        Raises what `provide` does.
        """
        plan, spares = self._plan, self._spares
        began = time.perf_counter()
        provided = provide_at_once(plan.wanted, self._metering)
        if spares is None or provided is None:
            return None
        keep_files = plan.out is not None
        driver = spares.take_waiting(provided.environment, plan.limits, keep_files=keep_files)
        if driver is None:
            return None
        self._driver = driver
        self._started = _Started(driver, MountedDirectories(()), provided)
        self.timings = Timings(prepare=time.perf_counter() - began)
        if self._cancelled:
            driver.cancel()
        self.run_began = time.perf_counter()
        try:
            self._begun = driver.begin(request, output, source)
        except BaseException:
            self.release()
            raise
        return self._begun

    def run(
        self, request: RunRequest, output: CapturedOutput, source: InputSource, *, first: bool
    ) -> tuple[DrivenRun, list[str]]:
        """As `Driver.run`, and then what was written in directories of the host. Goes on with
        what `begin` began.

        A guest that is lost before it takes its first run has done nothing yet, and another
        one takes its place.
        """
        begun, self._begun = self._begun, None
        if begun is not None:
            driven = begun.finish()
            if driven.changes or driven.report.displays:
                self._open_directories()
        else:
            self.run_began = time.perf_counter()
            driven = self._running.driver.run(request, output, source)
        for _ in range(_MORE_STARTS if first else 0):
            if driven.taken or self._cancelled:
                break
            self.release()
            self.start(request.source)
            driven = self._running.driver.run(request, output, source)
        directories = self._running.directories
        return driven, directories.give_back(driven.changes, driven.report.displays, output)

    def _open_directories(self) -> None:
        """Of a run that `begin` began, which may not need them."""
        self._directories = MountedDirectories(self._plan.mounts, self._plan.out)
        self._started = self._running._replace(directories=self._directories)

    def cancel(self) -> None:
        """End it, also one that is only starting. Any thread may call this."""
        self._cancelled = True
        if self._driver is not None:
            self._driver.cancel()

    def release(self) -> None:
        """When this returns, nothing of it is left. May be called again."""
        self._begun = None
        started, self._started = self._started, None
        driver, self._driver = self._driver, None
        directories, self._directories = self._directories, None
        try:
            if self._plan.spares is not None and driver is not None:
                self._plan.spares.retire(driver)
            elif driver is not None:
                driver.close()
        finally:
            if directories is not None:
                directories.close()
            if started is not None:
                started.provided.make_snapshots()
