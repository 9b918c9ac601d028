"""What a hostile program is, for the files of `programs`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hermetic_runtime.limits import KIB, MIB, Limits
from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.reported import Outcome

OK = frozenset({Outcome.OK})
ERROR = frozenset({Outcome.ERROR})
TIMEOUT = frozenset({Outcome.TIMEOUT})
MEMORY = frozenset({Outcome.MEMORY})
OUTPUT = frozenset({Outcome.OUTPUT})
DISK = frozenset({Outcome.DISK})
CRASHED = frozenset({Outcome.CRASHED})

BEGUN = "begun\n"
"""What every program has printed before its own code starts."""

SHORT_SECONDS = 1.0
LONG_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class HostileProgram:
    """One program, and the outcomes that are right for it: more than one only where it
    depends on the compiler, or on how the machine's time and the guest's memory fall out.
    `in_wasi` are those of the WASI interpreter where they are others.

    A program that would never end has `short` time; the others have enough for a machine
    that is busy with other things. `final` runs what was registered to run at the exit.
    `alters_itself` says that what is left of its own interpreter may be of no use.
    """

    name: str
    code: str
    outcomes: frozenset[Outcome]
    in_wasi: frozenset[Outcome] | None = None
    short: bool = False
    final: bool = False
    alters_itself: bool = False
    files: int = 200
    disk_bytes: int = 4 * MIB
    output_bytes: int = 64 * KIB
    value_bytes: int = 64 * KIB
    memory_bytes: int = 96 * MIB

    def outcomes_in(self, interpreter: InterpreterName) -> frozenset[Outcome]:
        own = self.in_wasi if interpreter == "wasi" else None
        return own or self.outcomes

    @property
    def source(self) -> str:
        return f"print('begun', flush=True)\n{self.code}"

    @property
    def roomy_limits(self) -> Limits:
        """For a sandbox in which other runs go before and after: those have time."""
        return replace(self.limits, wall_seconds=LONG_SECONDS, cpu_seconds=LONG_SECONDS)

    @property
    def limits(self) -> Limits:
        seconds = SHORT_SECONDS if self.short else LONG_SECONDS
        return Limits(
            memory_bytes=self.memory_bytes,
            wall_seconds=seconds,
            cpu_seconds=seconds,
            output_bytes=self.output_bytes,
            disk_bytes=self.disk_bytes,
            files=self.files,
            open_files=32,
            value_bytes=self.value_bytes,
            display_bytes=64 * KIB,
            source_bytes=MIB,
        )


def endless(name: str, code: str, *, alters_itself: bool = False) -> HostileProgram:
    """A program that ends only when it is ended."""
    return HostileProgram(name, code, TIMEOUT, short=True, alters_itself=alters_itself)
