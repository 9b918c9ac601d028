"""What a guest process is told to start with: its guest, and the bounds of the process."""

from __future__ import annotations

import socket

from hermetic_runtime.processes.confinement import bound_files, bound_memory
from hermetic_runtime.processes.messages import Start
from hermetic_runtime.processes.protocol import FrameDecoder
from hermetic_runtime.request_bounds import MOST_MOUNTS
from hermetic_runtime.requests import GuestMount, GuestSettings

_RECEIVE_BYTES = 128 * 1024


def bound_process(start: Start) -> None:
    """Have the system hold this process to what its guest may use."""
    bound_files(start.limits.open_files, lasting=start.lasting)
    memory_bytes = start.limits.memory_bytes + start.limits.disk_bytes
    bound_memory(memory_bytes, lasting=start.lasting)


def receive_start(connection: socket.socket, decoder: FrameDecoder) -> tuple[Start, GuestSettings]:
    """Wait for `Start` and the descriptors that come with it.

    Raises `ConnectionError` when something else comes, or nothing any more.
    """
    descriptors: list[int] = []
    while True:
        data, received, _, _ = socket.recv_fds(connection, _RECEIVE_BYTES, MOST_MOUNTS + 1)
        descriptors += received
        if not data:
            raise ConnectionError("the caller's process has gone")
        for message in decoder.feed(data):
            if not isinstance(message, Start):
                raise ConnectionError("the first message must be Start")
            if len(descriptors) != len(message.mounts) + message.wakes:
                raise ConnectionError("Start must come with its mounts and its state")
            state_fd = descriptors.pop() if message.wakes else None
            mounts = tuple(
                GuestMount(descriptor, mount.guest_path, mount.writable)
                for descriptor, mount in zip(descriptors, message.mounts, strict=True)
            )
            settings = GuestSettings(
                message.limits,
                message.environment,
                mounts,
                message.keep_files,
                state_fd,
                message.state_limits,
            )
            return message, settings
