"""What a guest process says once it has booted, or could not boot."""

from __future__ import annotations

import select
import time

from hermetic_runtime.errors import (
    HermeticError,
    SandboxCrashed,
    SessionBaseMissing,
    SessionDamaged,
)
from hermetic_runtime.processes.channel import Channel
from hermetic_runtime.processes.fields import ProtocolError
from hermetic_runtime.processes.messages_from_guest import Failed, Ready


def receive_ready(channel: Channel, seconds: float) -> Ready | None:
    """None if it does not come within `seconds`. Raises `ProtocolError`, what the process says
    of a failure, and EOFError when it ends.
    """
    deadline = time.monotonic() + seconds
    poll = select.poll()
    left = seconds
    while left >= 0:
        poll.register(channel, select.POLLIN | (select.POLLOUT if channel.has_outgoing else 0))
        for _, event in poll.poll(left * 1000):
            if event & select.POLLOUT:
                channel.flush()
            for message in channel.receive():
                match message:
                    case Ready():
                        return message
                    case Failed():
                        raise _failure(message)
                    case _:
                        raise ProtocolError(f"{type(message).__name__} before Ready")
        left = deadline - time.monotonic()
    return None


def _failure(failed: Failed) -> HermeticError:
    """What a guest process says of a state that it can't wake from is an error of its own."""
    if failed.code == SessionDamaged.code:
        return SessionDamaged(failed.message)
    if failed.code == SessionBaseMissing.code:
        return SessionBaseMissing(
            failed.message,
            hint="Its files are kept. Restart the session to go on without its variables.",
        )
    return SandboxCrashed(f"the guest could not start: {failed.message}")
