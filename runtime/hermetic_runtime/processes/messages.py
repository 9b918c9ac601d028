"""The messages between the caller's process and a guest process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Self

from hermetic_runtime.kernel.overlay import Change as FileChange
from hermetic_runtime.kernel.overlay import ChangeKind
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.processes.fields import Fields
from hermetic_runtime.processes.protocol import Accepted, accepts
from hermetic_runtime.processes.reports import report_from_fields, report_to_fields
from hermetic_runtime.processes.run_requests import (
    limits_from_fields,
    limits_to_fields,
    request_from_fields,
    request_to_fields,
)
from hermetic_runtime.processes.untrusted_text import printable
from hermetic_runtime.request_bounds import (
    FILES_BYTES,
    IMPORT_PATTERNS_BYTES,
    INPUTS_BYTES,
    MOST_MOUNTS,
    MOST_WORDS,
    WORDS_BYTES,
    WORKSPACE_INDEX,
)
from hermetic_runtime.requests import RunReport, RunRequest

CHUNK_BYTES = 64 * 1024
"""The most of a stream that one message carries."""
CHANGE_BYTES = 256 * 1024
"""The most of a file that one message carries."""
PATH_BYTES = 4096

STREAMS = ("stdout", "stderr")
CHANGE_KINDS = tuple(kind.value for kind in ChangeKind)

_HEADER = 512


class GuestMountPoint(NamedTuple):
    """Where the guest sees a directory whose descriptor travels beside the message."""

    guest_path: str
    writable: bool


class Start(NamedTuple):
    """To a guest process: boot. One directory descriptor comes for each mount, and one more
    for the file to wake from if the guest `wakes`. A `lasting` process goes on after the guest's
    final run: it waits for another `Start`, which brings no descriptors.
    """

    limits: Limits
    environment: dict[str, str]
    mounts: tuple[GuestMountPoint, ...]
    keep_files: bool = False
    wakes: bool = False
    state_limits: Limits | None = None
    lasting: bool = False

    @staticmethod
    def kind() -> int:
        return 1

    def to_fields(self) -> dict[str, Any]:
        return {
            "limits": limits_to_fields(self.limits),
            "environment": self.environment,
            "mounts": [
                {"path": each.guest_path, "writable": each.writable} for each in self.mounts
            ],
            "keep_files": self.keep_files,
            "wakes": self.wakes,
            "state_limits": self.state_limits and limits_to_fields(self.state_limits),
            "lasting": self.lasting,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        limits = limits_from_fields(fields)
        environment = fields.text_map("environment", MOST_WORDS, WORDS_BYTES)
        mounts: list[GuestMountPoint] = []
        for given in fields.items("mounts", MOST_MOUNTS):
            mount = Fields("Start.mounts", given)
            mounts.append(GuestMountPoint(mount.text("path", PATH_BYTES), mount.flag("writable")))
            mount.end()
        return cls(
            limits,
            environment,
            tuple(mounts),
            fields.flag("keep_files"),
            fields.flag("wakes"),
            limits_from_fields(fields, "state_limits") if fields.optional("state_limits") else None,
            fields.flag("lasting"),
        )


class Run(NamedTuple):
    """To a guest process: execute this source, and report."""

    request: RunRequest

    @staticmethod
    def kind() -> int:
        return 2

    def to_fields(self) -> dict[str, Any]:
        return request_to_fields(self.request)

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        return cls(request_from_fields(fields))


class Input(NamedTuple):
    """To a guest process: what stdin holds next. Sent only after `InputWanted`."""

    data: bytes

    @staticmethod
    def kind() -> int:
        return 3

    def to_fields(self) -> dict[str, Any]:
        return {"data": self.data}

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        return cls(fields.binary("data", CHUNK_BYTES))


class _Bare:
    """A message whose kind says all."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def to_fields(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        return cls()


class InputEnd(_Bare):
    """To a guest process: stdin is at its end."""

    @staticmethod
    def kind() -> int:
        return 4


class Interrupt(_Bare):
    """To a guest process: raise KeyboardInterrupt in the run that is under way."""

    @staticmethod
    def kind() -> int:
        return 5


class Save(_Bare):
    """To a guest process: write your state to the descriptor beside this message."""

    @staticmethod
    def kind() -> int:
        return 6


class Rehearse(_Bare):
    """To a guest process: nobody waits for you yet, so prepare for your first run."""

    @staticmethod
    def kind() -> int:
        return 7


class Saved(_Bare):
    """From a guest process: the state was written whole. The guest goes on."""

    @staticmethod
    def kind() -> int:
        return 22


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


class InputWanted(_Bare):
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


def report_frame_bytes(limits: Limits) -> int:
    """The largest frame of a report: value, repr and displays, and what is said of errors
    and of files.
    """
    return 16 * limits.value_bytes + limits.display_bytes + 2 * MIB


@lru_cache(maxsize=256)
def from_guest(limits: Limits) -> Mapping[int, Accepted]:
    """What the caller's process takes from a guest process."""
    return accepts(
        Accepted(Ready, _HEADER),
        Accepted(Failed, 32 * 1024),
        Accepted(Output, CHUNK_BYTES + _HEADER),
        Accepted(InputWanted, _HEADER),
        Accepted(Change, CHANGE_BYTES + PATH_BYTES + _HEADER),
        Accepted(Report, report_frame_bytes(limits)),
        Accepted(Saved, _HEADER),
    )


TO_GUEST = accepts(
    Accepted(Start, 4 * MIB),
    Accepted(Run, 68 * MIB + INPUTS_BYTES + FILES_BYTES + 2 * IMPORT_PATTERNS_BYTES),
    Accepted(Input, CHUNK_BYTES + _HEADER),
    Accepted(InputEnd, _HEADER),
    Accepted(Interrupt, _HEADER),
    Accepted(Rehearse, _HEADER),
    Accepted(Save, _HEADER),
)
"""What a guest process takes from the caller's."""
