"""The messages between the caller's process and the zygote."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from hermetic_runtime.processes.fields import Fields
from hermetic_runtime.processes.messages_from_guest import Failed
from hermetic_runtime.processes.protocol import SHORT_FRAME_BYTES, Accepted, accepts


class Spawn(NamedTuple):
    """To the zygote: fork a guest process. Its socket, and one for reports on it, come along.

    `keeps_state` says that the guest will wake or hibernate, `alone` that what the process is
    told to begin with is for nobody else to read.
    """

    keeps_state: bool = False
    alone: bool = False

    @staticmethod
    def kind() -> int:
        return 32

    def to_fields(self) -> dict[str, Any]:
        return self._asdict()

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        return cls(fields.flag("keeps_state"), fields.flag("alone"))


class Spawned(NamedTuple):
    """From the zygote: the guest process runs. Its pidfd comes along."""

    pid: int

    @staticmethod
    def kind() -> int:
        return 33

    def to_fields(self) -> dict[str, Any]:
        return {"pid": self.pid}

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        return cls(fields.integer("pid", 1, 2**31 - 1))


class Exited(NamedTuple):
    """From the zygote: the guest process has ended, and is reaped.

    `status` is an exit status, or minus the number of the signal that ended it.
    """

    status: int
    cpu_seconds: float
    peak_memory_bytes: int

    @staticmethod
    def kind() -> int:
        return 34

    def to_fields(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "cpu_seconds": self.cpu_seconds,
            "peak_memory_bytes": self.peak_memory_bytes,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        return cls(
            fields.integer("status", -128, 255),
            fields.seconds("cpu_seconds"),
            fields.integer("peak_memory_bytes", 0, 2**63 - 1),
        )


FROM_ZYGOTE = accepts(
    Accepted(Spawned, SHORT_FRAME_BYTES),
    Accepted(Exited, SHORT_FRAME_BYTES),
    Accepted(Failed, 32 * 1024),
)
"""What the caller's process takes from the zygote."""

TO_ZYGOTE = accepts(Accepted(Spawn, SHORT_FRAME_BYTES))
"""What the zygote takes from the caller's process."""
