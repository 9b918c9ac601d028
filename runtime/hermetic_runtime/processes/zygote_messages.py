"""The messages between the caller's process and the zygote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from hermetic_runtime.processes.fields import Fields
from hermetic_runtime.processes.messages import Empty, Failed
from hermetic_runtime.processes.protocol import Accepted, accepts

_LARGEST = 512


@dataclass(frozen=True, slots=True)
class Spawn(Empty):
    """To the zygote: fork a guest process. Its socket, and one for reports on it, come along."""

    KIND: ClassVar[int] = 32

    @classmethod
    def from_fields(cls, _: Fields) -> Spawn:
        return cls()


@dataclass(frozen=True, slots=True)
class Spawned:
    """From the zygote: the guest process runs. Its pidfd comes along."""

    KIND: ClassVar[int] = 33
    pid: int

    def to_fields(self) -> dict[str, Any]:
        return {"pid": self.pid}

    @classmethod
    def from_fields(cls, fields: Fields) -> Spawned:
        return cls(fields.integer("pid", 1, 2**31 - 1))


@dataclass(frozen=True, slots=True)
class Exited:
    """From the zygote: the guest process has ended, and is reaped.

    `status` is an exit status, or minus the number of the signal that ended it.
    """

    KIND: ClassVar[int] = 34
    status: int
    cpu_seconds: float
    peak_memory_bytes: int

    def to_fields(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "cpu_seconds": self.cpu_seconds,
            "peak_memory_bytes": self.peak_memory_bytes,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Exited:
        return cls(
            fields.integer("status", -128, 255),
            fields.seconds("cpu_seconds"),
            fields.integer("peak_memory_bytes", 0, 2**63 - 1),
        )


def from_zygote() -> dict[int, Accepted]:
    """What the caller's process takes from the zygote."""
    return accepts(
        Accepted(Spawned, _LARGEST), Accepted(Exited, _LARGEST), Accepted(Failed, 32 * 1024)
    )


def to_zygote() -> dict[int, Accepted]:
    """What the zygote takes from the caller's process."""
    return accepts(Accepted(Spawn, _LARGEST))
