"""The messages between the caller's process and a guest process."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import Any, ClassVar

from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.kernel.overlay import Change as FileChange
from hermetic_runtime.kernel.overlay import ChangeKind
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.processes.fields import Fields, ProtocolError
from hermetic_runtime.processes.protocol import Accepted, accepts
from hermetic_runtime.processes.reports import report_from_fields, report_to_fields
from hermetic_runtime.request_checks import MOST_MOUNTS, MOST_WORDS, WORDS_BYTES
from hermetic_runtime.requests import RunReport, RunRequest

CHUNK_BYTES = 64 * 1024
"""The most of a stream that one message carries."""
CHANGE_BYTES = 256 * 1024
"""The most of a file that one message carries."""
PATH_BYTES = 4096

STREAMS = ("stdout", "stderr")
CHANGE_KINDS = tuple(kind.value for kind in ChangeKind)

_HEADER = 512
_LIMIT_NAMES = tuple(field.name for field in dataclass_fields(Limits))


def _limits_to_fields(limits: Limits) -> dict[str, Any]:
    return {name: getattr(limits, name) for name in _LIMIT_NAMES}


def _read_limits(fields: Fields) -> Limits:
    given = fields.mapping("limits")
    if given.keys() != set(_LIMIT_NAMES):
        raise ProtocolError("the limits of a message are not those of Limits")
    try:
        return Limits(**given)
    except InvalidInput as error:
        raise ProtocolError(error.message) from None


class Empty:
    """A message that says all by its kind."""

    def to_fields(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, slots=True)
class GuestMountPoint:
    """Where the guest sees a directory whose descriptor travels beside the message."""

    guest_path: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Start:
    """To a guest process: boot. One directory descriptor comes for each mount."""

    KIND: ClassVar[int] = 1
    limits: Limits
    environment: dict[str, str]
    mounts: tuple[GuestMountPoint, ...]

    def to_fields(self) -> dict[str, Any]:
        return {
            "limits": _limits_to_fields(self.limits),
            "environment": self.environment,
            "mounts": [
                {"path": each.guest_path, "writable": each.writable} for each in self.mounts
            ],
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Start:
        limits = _read_limits(fields)
        environment = fields.text_map("environment", MOST_WORDS, WORDS_BYTES)
        mounts: list[GuestMountPoint] = []
        for given in fields.items("mounts", MOST_MOUNTS):
            mount = Fields("Start.mounts", given)
            mounts.append(GuestMountPoint(mount.text("path", PATH_BYTES), mount.flag("writable")))
            mount.end()
        return cls(limits, environment, tuple(mounts))


@dataclass(frozen=True, slots=True)
class Run:
    """To a guest process: execute this source, and report."""

    KIND: ClassVar[int] = 2
    request: RunRequest

    def to_fields(self) -> dict[str, Any]:
        request = self.request
        return {
            "source": request.source,
            "filename": request.filename,
            "arguments": request.arguments,
            "limits": _limits_to_fields(request.limits),
            "final": request.final,
            "capture_value": request.capture_value,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Run:
        limits = _read_limits(fields)
        return cls(
            RunRequest(
                source=fields.binary("source", limits.source_bytes),
                filename=fields.text("filename", PATH_BYTES),
                arguments=tuple(fields.texts("arguments", MOST_WORDS, WORDS_BYTES)),
                limits=limits,
                final=fields.flag("final"),
                capture_value=fields.flag("capture_value"),
            )
        )


@dataclass(frozen=True, slots=True)
class Input:
    """To a guest process: what stdin holds next. Sent only after `InputWanted`."""

    KIND: ClassVar[int] = 3
    data: bytes

    def to_fields(self) -> dict[str, Any]:
        return {"data": self.data}

    @classmethod
    def from_fields(cls, fields: Fields) -> Input:
        return cls(fields.binary("data", CHUNK_BYTES))


@dataclass(frozen=True, slots=True)
class InputEnd(Empty):
    """To a guest process: stdin is at its end."""

    KIND: ClassVar[int] = 4

    @classmethod
    def from_fields(cls, _: Fields) -> InputEnd:
        return cls()


@dataclass(frozen=True, slots=True)
class Interrupt(Empty):
    """To a guest process: raise KeyboardInterrupt in the run that is under way."""

    KIND: ClassVar[int] = 5

    @classmethod
    def from_fields(cls, _: Fields) -> Interrupt:
        return cls()


@dataclass(frozen=True, slots=True)
class Close(Empty):
    """To a guest process: end now."""

    KIND: ClassVar[int] = 6

    @classmethod
    def from_fields(cls, _: Fields) -> Close:
        return cls()


@dataclass(frozen=True, slots=True)
class Ready:
    """From a guest process: booted, in this many seconds."""

    KIND: ClassVar[int] = 16
    seconds: float
    interpreter: str

    def to_fields(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "interpreter": self.interpreter}

    @classmethod
    def from_fields(cls, fields: Fields) -> Ready:
        return cls(fields.seconds("seconds"), fields.text("interpreter", 100))


@dataclass(frozen=True, slots=True)
class Failed:
    """From a guest process or the zygote: it can't go on. `code` is of a HermeticError."""

    KIND: ClassVar[int] = 17
    code: str
    message: str

    def to_fields(self) -> dict[str, Any]:
        return {"code": self.code[:100], "message": self.message[:4000]}

    @classmethod
    def from_fields(cls, fields: Fields) -> Failed:
        return cls(fields.text("code", 100), fields.text("message", 4000))


@dataclass(frozen=True, slots=True)
class Output:
    """From a guest process: what the guest wrote to a stream."""

    KIND: ClassVar[int] = 18
    stream: str
    data: bytes

    def to_fields(self) -> dict[str, Any]:
        return {"stream": self.stream, "data": self.data}

    @classmethod
    def from_fields(cls, fields: Fields) -> Output:
        return cls(fields.choice("stream", STREAMS), fields.binary("data", CHUNK_BYTES))


@dataclass(frozen=True, slots=True)
class InputWanted(Empty):
    """From a guest process: the guest reads stdin, and nothing is there."""

    KIND: ClassVar[int] = 19

    @classmethod
    def from_fields(cls, _: Fields) -> InputWanted:
        return cls()


@dataclass(frozen=True, slots=True)
class Change:
    """From a guest process: a change in a writable mount, or a piece of one.

    While `more` is true, the file's contents go on in the next message.
    """

    KIND: ClassVar[int] = 20
    mount: int
    change: FileChange
    more: bool

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
    def from_fields(cls, fields: Fields) -> Change:
        return cls(
            mount=fields.integer("mount", 0, MOST_MOUNTS - 1),
            change=FileChange(
                path=fields.binary("path", PATH_BYTES),
                kind=ChangeKind(fields.choice("kind", CHANGE_KINDS)),
                data=fields.binary("data", CHANGE_BYTES),
                mode=fields.integer("mode", 0, 0o7777),
            ),
            more=fields.flag("more"),
        )


@dataclass(frozen=True, slots=True)
class Report:
    """From a guest process: how the run ended. The last message of a run."""

    KIND: ClassVar[int] = 21
    report: RunReport

    def to_fields(self) -> dict[str, Any]:
        return report_to_fields(self.report)

    @classmethod
    def from_fields(cls, fields: Fields) -> Report:
        return cls(report_from_fields(fields))


def report_frame_bytes(limits: Limits) -> int:
    """The largest frame of a report: value, repr and displays, and what is said of errors."""
    return 16 * limits.value_bytes + 1 * MIB


def from_guest(limits: Limits) -> dict[int, Accepted]:
    """What the caller's process takes from a guest process."""
    return accepts(
        Accepted(Ready, _HEADER),
        Accepted(Failed, 32 * 1024),
        Accepted(Output, CHUNK_BYTES + _HEADER),
        Accepted(InputWanted, _HEADER),
        Accepted(Change, CHANGE_BYTES + PATH_BYTES + _HEADER),
        Accepted(Report, report_frame_bytes(limits)),
    )


def to_guest() -> dict[int, Accepted]:
    """What a guest process takes from the caller's."""
    return accepts(
        Accepted(Start, 4 * MIB),
        Accepted(Run, 68 * MIB),
        Accepted(Input, CHUNK_BYTES + _HEADER),
        Accepted(InputEnd, _HEADER),
        Accepted(Interrupt, _HEADER),
        Accepted(Close, _HEADER),
    )
