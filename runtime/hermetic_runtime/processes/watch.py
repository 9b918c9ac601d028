"""The main thread of a guest process, which watches while the guest runs.

Most runs have ended before there is anything to watch. So it sleeps until a run has
lasted for `QUIET_SECONDS`, or somebody wakes it: a thread that wakes for each run
would take the processor and the lock of the interpreter from the guest.
"""

from __future__ import annotations

import math
import os
import select
import signal
import socket
from types import FrameType
from typing import NoReturn

from hermetic_runtime.processes.conversation import Conversation
from hermetic_runtime.processes.outbox import Outbox

QUIET_SECONDS = 0.008
"""How long a run goes unwatched. What comes for it in that time waits as long."""
_WAKE_BYTES = 4096


def expect_alarms() -> None:
    """Once, in the main thread, before anything is watched here or in a fork of this process."""
    signal.signal(signal.SIGALRM, _let_pass)


class Watch:
    """`keep` belongs in the main thread; everything else may be called from the guest thread."""

    def __init__(self, connection: socket.socket, conversation: Conversation) -> None:
        """Python writes to the pipe when an alarm comes (signal.set_wakeup_fd)."""
        self.outbox = Outbox(connection, self._wake_for_output)
        self._conversation = conversation
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._asleep, self._awake = select.poll(), select.poll()
        for poll in (self._asleep, self._awake):
            poll.register(self._reader, select.POLLIN)
        self._awake.register(connection, select.POLLIN)
        self._watching = False

    def begin_run(self) -> None:
        """From here on somebody watches, a little later."""
        signal.setitimer(signal.ITIMER_REAL, QUIET_SECONDS)

    def end_run(self) -> None:
        """Nothing is left to watch until the next run."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._watching:
            self.wake()

    def wake(self) -> None:
        """Watch now."""
        try:
            os.write(self._writer, b"\0")
        except BlockingIOError:
            return

    def _wake_for_output(self) -> None:
        """Who sleeps is woken by the alarm before the output is due."""
        if self._watching:
            self.wake()

    def keep(self) -> NoReturn:
        """Raises ConnectionError when the caller's process has gone, and `CpuTimeUp`."""
        while True:
            # Set before anything is looked at: what comes after that wakes this thread.
            self._watching = self._conversation.has_run
            due = [self.outbox.flush_due(), self._conversation.check_cpu_time()]
            soonest = min((seconds for seconds in due if seconds is not None), default=None)
            timeout = None if soonest is None else math.ceil(soonest * 1000)
            poll = self._awake if self._watching else self._asleep
            for descriptor, _ in poll.poll(timeout):
                if descriptor == self._reader:
                    os.read(self._reader, _WAKE_BYTES)
                else:
                    self._conversation.listen()


def _let_pass(_number: int, _frame: FrameType | None) -> None:
    """The pipe has told already."""
