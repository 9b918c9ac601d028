"""Guests of the WASI interpreter."""

from __future__ import annotations

import threading
from pathlib import Path

from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.requests import GuestSettings, RunReport, RunRequest

LIMITS = Limits(memory_bytes=1024 * MIB, wall_seconds=120, cpu_seconds=120)


class WasiGuest:
    """Runs sources in one guest, one after the other, and keeps what they print."""

    def __init__(self, environment: LoadedEnvironment, limits: Limits = LIMITS) -> None:
        self.output: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._limits = limits
        self._interruption: threading.Timer | None = None
        self._guest = Guest(
            environment,
            GuestSettings(limits=limits),
            deliver=self._deliver,
            request_input=lambda: None,
        )

    def _deliver(self, stream: str, data: bytes) -> None:
        self.output[stream].extend(data)
        interruption, self._interruption = self._interruption, None
        if interruption is not None:
            interruption.start()

    @property
    def stdout(self) -> str:
        return self.output["stdout"].decode()

    def run(self, *sources: str, interrupt_after: float | None = None) -> list[RunReport]:
        """Boot and run. The first source is interrupted `interrupt_after` seconds after it
        has written something.
        """

        def work() -> list[RunReport]:
            self._guest.boot()
            if interrupt_after is not None:
                self._interruption = threading.Timer(interrupt_after, self._guest.interrupt)
            return [
                self._guest.run(RunRequest(source.encode(), limits=self._limits))
                for source in sources
            ]

        try:
            return run_in_guest_thread(work)
        finally:
            self._guest.close()


def wasi_directory(metering: str = "none") -> Path:
    """A prepared interpreter, made by the quick compiler unless the session's cache has one."""
    from hermetic_runtime.preparation_wasi import prepare_wasi

    return prepare_wasi(metering=metering, optimise=False)
