"""The messages from a guest process to the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Self

from hermetic_runtime.kernel.overlay import Change as FileChange
from hermetic_runtime.kernel.overlay import ChangeKind
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.processes.fields import Fields
from hermetic_runtime.processes.messages_to_guest import CHUNK_BYTES, PATH_BYTES
from hermetic_runtime.processes.protocol import SHORT_FRAME_BYTES, Accepted, BareMessage, accepts
from hermetic_runtime.processes.reports import report_from_fields, report_to_fields
from hermetic_runtime.processes.untrusted_text import printable
from hermetic_runtime.request_bounds import WORKSPACE_INDEX
from hermetic_runtime.requests import RunReport

CHANGE_BYTES = 256 * 1024
"""The most of a file that one message carries."""

STREAMS = ("stdout", "stderr")
CHANGE_KINDS = tuple(kind.value for kind in ChangeKind)


class Ready(NamedTuple):
    """From a guest process: booted, in this many seconds."""

    seconds: float
    interpreter: str

    @staticmethod
    def kind() -> int:
        return 16

    def to_fields(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "interpreter": self.interpreter}

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        return cls(fields.seconds("seconds"), fields.text("interpreter", 100))


class Failed(NamedTuple):
    """From a guest process or the zygote: it can't go on. `code` is of a HermeticError."""

    code: str
    message: str

    @staticmethod
    def kind() -> int:
        return 17

    def to_fields(self) -> dict[str, Any]:
        return {"code": self.code[:100], "message": self.message[:4000]}

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        message = " ".join(fields.text("message", 4000).split())
        return cls(fields.text("code", 100), printable(message))


class Output(NamedTuple):
    """From a guest process: what the guest wrote to a stream."""

    stream: str
    data: bytes

    @staticmethod
    def kind() -> int:
        return 18

    def to_fields(self) -> dict[str, Any]:
        return {"stream": self.stream, "data": self.data}

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        return cls(fields.choice("stream", STREAMS), fields.binary("data", CHUNK_BYTES))


class InputWanted(BareMessage):
    """From a guest process: the guest reads stdin, and nothing is there."""

    @staticmethod
    def kind() -> int:
        return 19


class Change(NamedTuple):
    """From a guest process: a change in a writable mount or in /workspace, or a piece of one.

    While `more` is true, the file's contents go on in the next message.
    """

    mount: int
    change: FileChange
    more: bool

    @staticmethod
    def kind() -> int:
        return 20

    def to_fields(self) -> dict[str, Any]:
        change = self.change
        return {
            "mount": self.mount,
            "path": change.path,
            "kind": change.kind.value,
            "data": change.data,
            "mode": change.mode,
            "more": self.more,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        return cls(
            mount=fields.integer("mount", 0, WORKSPACE_INDEX),
            change=FileChange(
                path=fields.binary("path", PATH_BYTES),
                kind=ChangeKind(fields.choice("kind", CHANGE_KINDS)),
                data=fields.binary("data", CHANGE_BYTES),
                mode=fields.integer("mode", 0, 0o7777),
            ),
            more=fields.flag("more"),
        )


class Report(NamedTuple):
    """From a guest process: how the run ended. The last message of a run."""

    report: RunReport

    @staticmethod
    def kind() -> int:
        return 21

    def to_fields(self) -> dict[str, Any]:
        return report_to_fields(self.report)

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        return cls(report_from_fields(fields))


class Saved(BareMessage):
    """From a guest process: the state was written whole. The guest goes on."""

    @staticmethod
    def kind() -> int:
        return 22


def report_frame_bytes(limits: Limits) -> int:
    """The largest frame of a report: value, repr and displays, and what is said of errors
    and of files.
    """
    return 16 * limits.value_bytes + limits.display_bytes + 2 * MIB


@lru_cache(maxsize=256)
def from_guest(limits: Limits) -> Mapping[int, Accepted]:
    """What the caller's process takes from a guest process."""
    return accepts(
        Accepted(Ready, SHORT_FRAME_BYTES),
        Accepted(Failed, 32 * 1024),
        Accepted(Output, CHUNK_BYTES + SHORT_FRAME_BYTES),
        Accepted(InputWanted, SHORT_FRAME_BYTES),
        Accepted(Change, CHANGE_BYTES + PATH_BYTES + SHORT_FRAME_BYTES),
        Accepted(Report, report_frame_bytes(limits)),
        Accepted(Saved, SHORT_FRAME_BYTES),
    )
