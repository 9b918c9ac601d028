"""What a guest process is told to start with: its guest, and the bounds of the process."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import NamedTuple

from hermetic_runtime.processes.confinement import Bound, bounds_of
from hermetic_runtime.processes.fields import ProtocolError
from hermetic_runtime.processes.messages_to_guest import TO_GUEST, Start
from hermetic_runtime.processes.passing import receive
from hermetic_runtime.processes.protocol import FrameDecoder
from hermetic_runtime.processes.restored_guests import RestoredGuests
from hermetic_runtime.request_bounds import MOST_MOUNTS
from hermetic_runtime.requests import GuestMount, GuestSettings

_RECEIVE_BYTES = 128 * 1024


class Beginning(NamedTuple):
    """What a guest process begins with. `bounds` are those of the process."""

    settings: GuestSettings
    lasting: bool
    bounds: tuple[Bound, ...]


def begin(start: Start, descriptors: Sequence[int] = ()) -> Beginning:
    """`descriptors` are what came with it: its mounts, and the state to wake from."""
    mounts = tuple(
        GuestMount(descriptor, mount.guest_path, mount.writable)
        for descriptor, mount in zip(descriptors, start.mounts, strict=False)
    )
    settings = GuestSettings(
        start.limits,
        start.environment,
        mounts,
        start.keep_files,
        descriptors[-1] if start.wakes else None,
        start.state_limits,
        maps_state=True,
    )
    return Beginning(settings, start.lasting, bounds_of(start.limits))


def receive_beginning(connection: socket.socket, decoder: FrameDecoder) -> Beginning:
    """Wait for `Start` and the descriptors that come with it.

    Raises `ConnectionError` when something else comes, or nothing any more.
    """
    descriptors: list[int] = []
    while True:
        data, received = receive(connection, _RECEIVE_BYTES, MOST_MOUNTS + 1)
        descriptors += received
        if not data:
            raise ConnectionError("the caller's process has gone")
        for message in decoder.feed(data):
            if not isinstance(message, Start):
                raise ConnectionError("the first message must be Start")
            if len(descriptors) != len(message.mounts) + message.wakes:
                raise ConnectionError("Start must come with its mounts and its state")
            return begin(message, descriptors)


class LastBeginning:
    """Process after process begins alike, so a zygote reads that once, and has its guests
    made ready for it before it forks.
    """

    def __init__(self, restored: RestoredGuests) -> None:
        self._restored = restored
        self._frame = b""
        self._beginning: Beginning | None = None

    def take(self, connection: socket.socket) -> Beginning | None:
        """What a guest process is told on `connection`. None if that is for the process itself
        to read, because it has not come, is not understood, or is of this process alone: it
        has variables, mounts or a state.
        """
        try:
            frame = connection.recv(_RECEIVE_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            return None
        if not frame:
            return None
        if frame != self._frame:
            beginning = _read(frame)
            if beginning is None:
                return None
            self._frame, self._beginning = frame, beginning
            self._restored.adopt(beginning.settings)
        connection.recv(len(frame))
        return self._beginning


def _read(frame: bytes) -> Beginning | None:
    decoder = FrameDecoder(TO_GUEST, unicode_errors="surrogateescape")
    try:
        messages = list(decoder.feed(frame))
    except ProtocolError:
        return None
    match messages:
        case [Start() as start] if decoder.is_between_frames:
            alone = start.environment or start.mounts or start.wakes
            return None if alone else begin(start)
        case _:
            return None
