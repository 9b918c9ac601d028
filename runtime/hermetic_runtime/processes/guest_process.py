"""The guest process: one sandbox, or one after the other in a lasting one; two threads.

The guest thread waits for what the caller's process asks for, and does it. The main
thread watches: it listens to the caller while a run is under way, sends batched output
when it is due, and bounds the processor time. Nothing here is trusted by the other side.
"""

from __future__ import annotations

import os
import socket
import sys
import traceback
from typing import NoReturn

from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.guest_threads import detach_guest_thread
from hermetic_runtime.processes.confinement import hold_to
from hermetic_runtime.processes.conversation import Conversation, CpuTimeUp
from hermetic_runtime.processes.endings import CPU_TIME_STATUS
from hermetic_runtime.processes.guest_server import GuestServer
from hermetic_runtime.processes.guest_start import Beginning, receive_beginning
from hermetic_runtime.processes.messages_to_guest import TO_GUEST
from hermetic_runtime.processes.protocol import FrameDecoder
from hermetic_runtime.processes.restored_guests import RestoredGuests
from hermetic_runtime.processes.watch import Watch


def main(
    connection: socket.socket,
    environment: LoadedEnvironment,
    restored: RestoredGuests | None = None,
    beginning: Beginning | None = None,
) -> NoReturn:
    """Serve what is asked for on `connection`, from `beginning` on if that was read already.

    Ends this process, whatever happens. `expect_alarms` must have been called.
    """
    status = 1
    try:
        decoder = FrameDecoder(TO_GUEST, unicode_errors="surrogateescape")
        beginning = beginning or receive_beginning(connection, decoder)
        hold_to(beginning.bounds, lasting=beginning.lasting)
        conversation = Conversation(connection, decoder)
        watch = Watch(connection, conversation)
        server = GuestServer(conversation, watch, environment, beginning, restored)
        detach_guest_thread(lambda: _end(server.serve()))
        try:
            watch.keep()
        except CpuTimeUp:
            watch.outbox.flush_due()
            status = CPU_TIME_STATUS
    except ConnectionError:
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        _end(status)


def _end(status: int) -> NoReturn:
    """Leave without the interpreter's own shutdown, which would wait for the guest thread."""
    try:
        sys.stderr.flush()
    finally:
        os._exit(status)
