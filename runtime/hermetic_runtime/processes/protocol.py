"""Frames and their decoder: bytes to messages, with no input or output of its own.

A frame is its length (u32, big endian) and that many bytes of msgpack: an array of
two, the kind of the message (an integer below 128) and a map of its fields. So the
first two bytes after the length tell the kind, and a frame that is too large for its
kind is refused before it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, Self, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from hermetic_runtime.processes.fields import Fields, ProtocolError

LENGTH_BYTES = 4
SHORT_FRAME_BYTES = 512
"""Of a message without what may be long in it."""
_ARRAY_OF_TWO = 0x92
_HEAD_BYTES = LENGTH_BYTES + 2


_pack = cast("Callable[..., bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType]
_unpack = cast("Callable[..., Any]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType]


class Message(Protocol):
    """What travels in a frame: mostly a named tuple, because those are quick to define."""

    @staticmethod
    def kind() -> int: ...

    def to_fields(self) -> dict[str, Any]: ...


class MessageType(Protocol):
    """A class of messages."""

    @staticmethod
    def kind() -> int: ...

    @property
    def __name__(self) -> str: ...

    def from_fields(self, fields: Fields, /) -> Message:
        """Raises `ProtocolError`. The caller sees to it that no field is left over."""
        ...


class BareMessage:
    """A base of messages whose kind says all."""

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


class Accepted(NamedTuple):
    """A kind of message that a receiver takes, and the largest frame it may come in."""

    message: MessageType
    largest: int


def accepts(*accepted: Accepted) -> dict[int, Accepted]:
    """What a receiver takes, by kind."""
    return {each.message.kind(): each for each in accepted}


def encode(message: Message) -> bytes:
    """The frame of a message. Text may hold escaped bytes (PEP 383)."""
    payload = _pack((message.kind(), message.to_fields()), unicode_errors="surrogateescape")
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


class FrameDecoder:
    """Turns a stream of bytes into messages.

    Nothing is kept of a stream that broke the protocol: after `ProtocolError` the
    decoder must not be fed again. `unicode_errors` is `surrogateescape` for a receiver
    that trusts its sender with text that is not UTF-8.
    """

    def __init__(self, accepted: Mapping[int, Accepted], *, unicode_errors: str = "strict") -> None:
        self._accepted = accepted
        self._unicode_errors = unicode_errors
        self._buffer = bytearray()

    @property
    def is_between_frames(self) -> bool:
        """Whether nothing of a frame is left over."""
        return not self._buffer

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that `data` completes. Raises `ProtocolError`."""
        self._buffer += data
        while len(self._buffer) >= _HEAD_BYTES:
            accepted = self._expected()
            length = int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
            if length > accepted.largest:
                raise ProtocolError(
                    f"a frame of {length:,} bytes, where {accepted.message.__name__} "
                    f"may have {accepted.largest:,}"
                )
            if len(self._buffer) < LENGTH_BYTES + length:
                return
            payload = bytes(self._buffer[LENGTH_BYTES : LENGTH_BYTES + length])
            del self._buffer[: LENGTH_BYTES + length]
            yield self._read(accepted, payload)

    def _expected(self) -> Accepted:
        array, kind = self._buffer[LENGTH_BYTES:_HEAD_BYTES]
        if array != _ARRAY_OF_TWO or kind not in self._accepted:
            raise ProtocolError(f"a frame that begins with {array:02x} {kind:02x}")
        return self._accepted[kind]

    def _read(self, accepted: Accepted, payload: bytes) -> Message:
        name = accepted.message.__name__
        try:
            _, content = _unpack(
                payload,
                raw=False,
                unicode_errors=self._unicode_errors,
                strict_map_key=True,
                ext_hook=_refuse_extension,
            )
        except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
            raise ProtocolError(f"{name} is not valid msgpack: {error}") from None
        fields = Fields(name, content)
        message = accepted.message.from_fields(fields)
        fields.end()
        return message


def _refuse_extension(kind: int, _: object) -> object:
    raise ValueError(f"extension type {kind}")
