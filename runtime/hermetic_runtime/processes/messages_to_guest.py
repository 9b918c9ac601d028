"""The messages from the caller's process to a guest process."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.processes.fields import Fields
from hermetic_runtime.processes.protocol import SHORT_FRAME_BYTES, Accepted, BareMessage, accepts
from hermetic_runtime.processes.run_requests import (
    limits_from_fields,
    limits_to_fields,
    request_from_fields,
    request_to_fields,
)
from hermetic_runtime.request_bounds import (
    FILES_BYTES,
    IMPORT_PATTERNS_BYTES,
    INPUTS_BYTES,
    MOST_MOUNTS,
    MOST_WORDS,
    WORDS_BYTES,
)
from hermetic_runtime.requests import RunRequest

CHUNK_BYTES = 64 * 1024
"""The most of a stream that one message carries, either way."""
PATH_BYTES = 4096


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


class InputEnd(BareMessage):
    """To a guest process: stdin is at its end."""

    @staticmethod
    def kind() -> int:
        return 4


class Interrupt(BareMessage):
    """To a guest process: raise KeyboardInterrupt in the run that is under way."""

    @staticmethod
    def kind() -> int:
        return 5


class Save(BareMessage):
    """To a guest process: write your state to the descriptor beside this message."""

    @staticmethod
    def kind() -> int:
        return 6


class Rehearse(BareMessage):
    """To a guest process: nobody waits for you yet, so prepare for your first run."""

    @staticmethod
    def kind() -> int:
        return 7


TO_GUEST = accepts(
    Accepted(Start, 4 * MIB),
    Accepted(Run, 68 * MIB + INPUTS_BYTES + FILES_BYTES + 2 * IMPORT_PATTERNS_BYTES),
    Accepted(Input, CHUNK_BYTES + SHORT_FRAME_BYTES),
    Accepted(InputEnd, SHORT_FRAME_BYTES),
    Accepted(Interrupt, SHORT_FRAME_BYTES),
    Accepted(Rehearse, SHORT_FRAME_BYTES),
    Accepted(Save, SHORT_FRAME_BYTES),
)
"""What a guest process takes from the caller's."""
