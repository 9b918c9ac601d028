"""Receiving the state of a guest: through a pipe, so that this side bounds what it writes."""

from __future__ import annotations

import os
import select
import time
from typing import BinaryIO

from hermetic_runtime.errors import SandboxCrashed
from hermetic_runtime.processes.channel import Channel
from hermetic_runtime.processes.fields import ProtocolError
from hermetic_runtime.processes.messages_from_guest import Failed, Output, Saved
from hermetic_runtime.processes.messages_to_guest import Save

SAVE_SECONDS = 120.0
_READ_BYTES = 1024 * 1024


def save_state(channel: Channel, file: BinaryIO, most_bytes: int) -> None:
    """Ask for the state and write it to `file`. Raises `SandboxCrashed`."""
    reader, writer = os.pipe()
    try:
        try:
            channel.send_with_descriptors(Save(), [writer])
        except OSError as error:
            raise SandboxCrashed(f"the guest can't be saved: {error.strerror}") from error
        finally:
            os.close(writer)
        _Receiving(channel, reader, file, most_bytes).receive()
    except (EOFError, ProtocolError) as error:
        reason = error.message if isinstance(error, ProtocolError) else "its process has ended"
        raise SandboxCrashed(f"the guest could not be saved: {reason}") from error
    finally:
        os.close(reader)


class _Receiving:
    def __init__(self, channel: Channel, reader: int, file: BinaryIO, most_bytes: int) -> None:
        self._channel = channel
        self._reader = reader
        self._file = file
        self._left = most_bytes
        self._whole = self._saved = False

    def receive(self) -> None:
        deadline = time.monotonic() + SAVE_SECONDS
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(self._reader, select.POLLIN)
        while not (self._whole and self._saved):
            left = deadline - time.monotonic()
            if left <= 0:
                raise SandboxCrashed(f"the guest was not saved within {SAVE_SECONDS:.0f} seconds")
            for descriptor, _ in poll.poll(left * 1000):
                if descriptor != self._reader:
                    self._take_messages()
                elif not self._take_data():
                    poll.unregister(self._reader)

    def _take_data(self) -> bool:
        data = os.read(self._reader, _READ_BYTES)
        self._left -= len(data)
        if self._left < 0:
            raise SandboxCrashed("the guest's state is larger than its limits allow")
        self._file.write(data)
        self._whole = not data
        return bool(data)

    def _take_messages(self) -> None:
        for message in self._channel.receive():
            match message:
                case Saved():
                    self._saved = True
                case Failed():
                    raise SandboxCrashed(f"the guest could not be saved: {message.message}")
                case Output():
                    # What a thread of the guest's process sent late belongs to no run.
                    continue
                case _:
                    raise ProtocolError(f"{type(message).__name__} while the guest is saved")
